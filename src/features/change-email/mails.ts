import { lengthOfTime } from "../../i18n/length-of-time.ts";
import { type Mails, mailContent } from "../../views/mail.ts";
import { addressInUse } from "../registration/mails.ts";

/** The mails of the feature `changeEmail`. */
export const changeEmailMails: Pick<Mails, "changeEmailInstructions" | "changeEmailRequested" | "addressInUse"> = {
  changeEmailInstructions(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_CHANGE_EMAIL_SUBJECT"),
      // Nothing of the account: the address may have been mistyped, and be a stranger's.
      paragraphs: [catalogue.text("MAIL_CHANGE_EMAIL_TEXT", { site })],
      button: { text: catalogue.text("MAIL_CHANGE_EMAIL_BUTTON"), href: link },
      notes: [
        catalogue.text("MAIL_LINK_LIFE", { time: lengthOfTime(catalogue.language, within) }),
        catalogue.text("MAIL_NOTHING_TO_DO"),
      ],
    });
  },
  changeEmailRequested(props) {
    const { catalogue, siteName: site, newEmail, recover } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_CHANGE_EMAIL_REQUESTED_SUBJECT"),
      paragraphs: [
        catalogue.text("MAIL_CHANGE_EMAIL_REQUESTED_TEXT", { site, email: newEmail }),
        catalogue.text(recover === undefined ? "MAIL_NOT_YOU_ASK" : "MAIL_NOT_YOU_RECOVER"),
      ],
      ...(recover === undefined ? {} : { button: { text: catalogue.text("MAIL_RESET_BUTTON"), href: recover } }),
    });
  },
  addressInUse,
};
