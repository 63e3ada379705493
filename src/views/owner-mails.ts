import { type Mails, mailContent } from "./mail.ts";

/** Mails that the owner of an account gets whatever features are on: somebody else may change every account. */
export const ownerMails: Pick<Mails, "passwordChanged" | "emailChanged" | "usernameChanged"> = {
  passwordChanged(props) {
    const { catalogue, siteName: site, recover } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_PASSWORD_CHANGED_SUBJECT"),
      paragraphs: [
        catalogue.text("MAIL_PASSWORD_CHANGED_TEXT", { site }),
        catalogue.text(recover === undefined ? "MAIL_NOT_YOU_ASK" : "MAIL_NOT_YOU_RECOVER"),
      ],
      ...(recover === undefined ? {} : { button: { text: catalogue.text("MAIL_RESET_BUTTON"), href: recover } }),
    });
  },
  emailChanged(props) {
    const { catalogue, siteName: site, newEmail, email } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_EMAIL_CHANGED_SUBJECT"),
      // No link: the former mailbox has no part in the account any more, and the new one may be a stranger's.
      paragraphs: [
        email === newEmail
          ? catalogue.text("MAIL_EMAIL_SET_TEXT", { site })
          : catalogue.text("MAIL_EMAIL_CHANGED_TEXT", { site, email: newEmail }),
        catalogue.text("MAIL_NOT_YOU_ASK"),
      ],
    });
  },
  usernameChanged(props) {
    const { catalogue, siteName: site, username } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_USERNAME_CHANGED_SUBJECT"),
      paragraphs: [
        username === undefined
          ? catalogue.text("MAIL_USERNAME_REMOVED_TEXT", { site })
          : catalogue.text("MAIL_USERNAME_CHANGED_TEXT", { site, username }),
        catalogue.text("MAIL_NOT_YOU_ASK"),
      ],
    });
  },
};
