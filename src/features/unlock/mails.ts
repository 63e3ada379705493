import { lengthOfTime } from "../../i18n/length-of-time.ts";
import { type Mails, mailContent } from "../../views/mail.ts";

/** The mail of the feature `unlock`. */
export const unlockMails: Pick<Mails, "accountLocked"> = {
  accountLocked(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_ACCOUNT_LOCKED_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_ACCOUNT_LOCKED_TEXT", { site })],
      button: { text: catalogue.text("MAIL_ACCOUNT_LOCKED_BUTTON"), href: link },
      notes: [
        catalogue.text("MAIL_LINK_LIFE", { time: lengthOfTime(catalogue.language, within) }),
        catalogue.text("MAIL_ACCOUNT_LOCKED_NOT_YOU"),
      ],
    });
  },
};
