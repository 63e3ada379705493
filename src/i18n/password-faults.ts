import { labelIn } from "../model/label.ts";
import type { PolicyFault } from "../passwords/checks/check.ts";
import { type Catalogue, type MessageKey, messageKeys } from "./catalogue.ts";

const known: ReadonlySet<string> = new Set(messageKeys);

/** The key of a message for a fault of a password: a key of the application's own has none. */
export function passwordFaultKey({ key }: PolicyFault<string>): MessageKey {
  return known.has(key) ? (key as MessageKey) : "PASSWORD_REFUSED";
}

/** Why a password is refused, for a reader of this catalogue. */
export function passwordFaultText(fault: PolicyFault<string>, catalogue: Catalogue): string {
  if (fault.text !== undefined) return labelIn(fault.text, catalogue.language);
  return catalogue.text(passwordFaultKey(fault), fault.params);
}
