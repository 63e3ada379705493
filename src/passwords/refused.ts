import { PortcullisError } from "../model/errors.ts";
import type { PolicyFault } from "./checks/check.ts";

/** The policy does not accept the password; `faults` has the message keys. The password itself is nowhere in it. */
export class PasswordRefusedError extends PortcullisError {
  readonly faults: readonly PolicyFault<string>[];
  constructor(faults: readonly PolicyFault<string>[]) {
    super("password_refused", `the password is refused: ${faults.map(({ key }) => key).join(", ")}`);
    this.faults = faults;
  }
}
