import { lengthOfTime } from "../../i18n/length-of-time.ts";
import { type Mails, mailContent } from "../../views/mail.ts";
import { addressInUse } from "../registration/mails.ts";

/** The mails of the feature `recovery`. */
export const recoveryMails: Pick<Mails, "resetInstructions" | "resetNotice" | "addressInUse"> = {
  resetInstructions(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_RESET_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_RESET_TEXT", { site })],
      button: { text: catalogue.text("MAIL_RESET_BUTTON"), href: link },
      notes: [
        catalogue.text("MAIL_LINK_LIFE", { time: lengthOfTime(catalogue.language, within) }),
        catalogue.text("MAIL_NOTHING_TO_DO"),
      ],
    });
  },
  resetNotice(props) {
    const { catalogue, siteName: site, recover } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_PASSWORD_CHANGED_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_RESET_NOTICE_TEXT", { site }), catalogue.text("MAIL_NOT_YOU_RECOVER")],
      button: { text: catalogue.text("MAIL_RESET_BUTTON"), href: recover },
    });
  },
  addressInUse,
};
