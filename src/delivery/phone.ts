import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { isE164 } from "./sms.ts";

/** Phone numbers as they are typed, stored and shown. */
export interface PhoneNumbers {
  /**
   * The number in the form in which it is stored, compared and dialled (ITU-T E.164), or undefined when there is no such
   * number. Without a country code it is taken to be of the default region.
   */
  normalize(text: string): string | undefined;
}

/** Options for phone numbers. */
export interface PhoneOptions {
  /** The country (ISO 3166-1 alpha-2, "DE") of numbers without a country code; default none: they need one. */
  readonly region?: string;
}

const longest = 40;

/** What we use of libphonenumber-js: an optional library must not show in our types. */
interface NumberingPlans {
  readonly isSupportedCountry: (region: string) => boolean;
  readonly parsePhoneNumberFromString: (
    text: string,
    options: { readonly defaultCountry?: never; readonly extract: boolean },
  ) => { readonly number: string; readonly ext?: string; isValid(): boolean } | undefined;
}

/**
 * Loads the numbering plans of `libphonenumber-js`. Throws ConfigurationError when it is not installed and for an unknown
 * region.
 *
 * @param neededBy the feature that asks for it, for the message
 */
export async function loadPhoneNumbers(
  options: PhoneOptions = {},
  neededBy = "a feature",
  load: () => Promise<NumberingPlans> = () => import("libphonenumber-js/max"),
): Promise<PhoneNumbers> {
  let library: NumberingPlans;
  try {
    library = await load();
  } catch (error) {
    throw new ConfigurationError("phone", `${neededBy} needs phone numbers; run "npm install libphonenumber-js"`, {
      cause: error,
    });
  }
  const { parsePhoneNumberFromString, isSupportedCountry } = library;
  const { region } = options;
  if (region !== undefined && !isSupportedCountry(region)) {
    throw new ConfigurationError("phone.region", `${JSON.stringify(region)} is no country; write it like "DE" or "US"`);
  }
  return {
    normalize(text) {
      if (text.length > longest) return undefined;
      const number = parsePhoneNumberFromString(
        text.normalize("NFKC"),
        // A number inside of other text is no number.
        { extract: false, ...(region === undefined ? {} : { defaultCountry: region as never }) },
      );
      // An extension cannot be reached by a text message, and would be lost in the stored form.
      if (number?.isValid() !== true || number.ext !== undefined) return undefined;
      // Some odd input is read as a number that reads as another one, or as none: then nobody can tell which is meant.
      const again = parsePhoneNumberFromString(number.number, { extract: false });
      return isE164(number.number) && again?.number === number.number ? number.number : undefined;
    },
  };
}

/** Stands where no feature needs phone numbers. */
export const noPhoneNumbers: PhoneNumbers = {
  normalize() {
    throw new PortcullisError("phone", 'no feature that is on says that it needs "phones"');
  },
};
