import { type Mails, mailContent } from "../../views/mail.ts";

/** The mail of the feature `changePassword`. */
export const changePasswordMails: Pick<Mails, "passwordChanged"> = {
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
};
