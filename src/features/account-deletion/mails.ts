import { lengthOfTime } from "../../i18n/length-of-time.ts";
import { type Mails, mailContent } from "../../views/mail.ts";

/** The mails of the feature `accountDeletion`. */
export const accountDeletionMails: Pick<Mails, "deleteAccountInstructions" | "accountDeletion"> = {
  deleteAccountInstructions(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_DELETE_ACCOUNT_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_DELETE_ACCOUNT_TEXT", { site })],
      button: { text: catalogue.text("MAIL_DELETE_ACCOUNT_BUTTON"), href: link },
      notes: [
        catalogue.text("MAIL_LINK_LIFE", { time: lengthOfTime(catalogue.language, within) }),
        catalogue.text("MAIL_NOT_YOU_ASK"),
      ],
    });
  },
  accountDeletion(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_ACCOUNT_DELETION_SUBJECT"),
      paragraphs: [
        catalogue.text("MAIL_ACCOUNT_DELETION_TEXT", { site, time: lengthOfTime(catalogue.language, within) }),
      ],
      button: { text: catalogue.text("MAIL_ACCOUNT_DELETION_BUTTON"), href: link },
    });
  },
};
