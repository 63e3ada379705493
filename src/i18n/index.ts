export {
  type Catalogue,
  createCatalogue,
  type MessageArguments,
  type MessageKey,
  type MessageParameters,
  messageKeys,
} from "./catalogue.ts";
export { labels } from "./labels.ts";
export { type Message, type MessageCategory, messages } from "./messages.ts";
