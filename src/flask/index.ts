/** For those who take over a deployment of Flask-Security: its settings as options of `portcullis()`. */

export type { FlaskSecuritySettings } from "./settings.ts";
export { type FlaskTranslation, fromFlaskSecurity, type TranslatedOptions } from "./translation.ts";
