import { lengthOfTime } from "../../i18n/length-of-time.ts";
import { type Mails, mailContent } from "../../views/mail.ts";
import { addressInUse } from "../registration/mails.ts";

/** The mails of the feature `confirmation`. */
export const confirmationMails: Pick<Mails, "confirmation" | "addressInUse"> = {
  confirmation(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_CONFIRMATION_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_CONFIRMATION_TEXT", { site })],
      button: { text: catalogue.text("MAIL_CONFIRMATION_BUTTON"), href: link },
      notes: [
        catalogue.text("MAIL_LINK_LIFE", { time: lengthOfTime(catalogue.language, within) }),
        catalogue.text("MAIL_CONFIRMATION_NOT_YOU"),
      ],
    });
  },
  addressInUse,
};
