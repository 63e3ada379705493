import { type Mails, mailContent } from "../../views/mail.ts";

/** The mails of the feature `usernames`. */
export const usernamesMails: Pick<Mails, "usernameRecovery" | "usernameTaken"> = {
  usernameRecovery(props) {
    const { catalogue, siteName: site, username } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_USERNAME_RECOVERY_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_USERNAME_RECOVERY_TEXT", { site, username })],
      notes: [catalogue.text("MAIL_NOTHING_TO_DO")],
    });
  },
  usernameTaken(props) {
    const { catalogue, siteName: site, username, register } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_USERNAME_TAKEN_SUBJECT"),
      paragraphs: [catalogue.text("MAIL_USERNAME_TAKEN_TEXT", { site, username })],
      button: { text: catalogue.text("MAIL_USERNAME_TAKEN_BUTTON"), href: register },
      notes: [catalogue.text("MAIL_NOTHING_TO_DO")],
    });
  },
};
