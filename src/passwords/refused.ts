import { PortcullisError } from "../model/errors.ts";
import type { PolicyFault } from "./checks/check.ts";

/**
 * The policy does not accept the password; `faults` has the message keys. The password itself is nowhere in it. A handler that
 * lets it through answers 400 with the reasons at the field.
 */
export class PasswordRefusedError extends PortcullisError {
  readonly faults: readonly PolicyFault<string>[];
  /** The parameter that held the password. */
  readonly field: string;
  constructor(faults: readonly PolicyFault<string>[], field = "password") {
    super("password_refused", `the password is refused: ${faults.map(({ key }) => key).join(", ")}`);
    this.faults = faults;
    this.field = field;
  }
}
