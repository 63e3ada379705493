import { lengthOfTime } from "../../i18n/length-of-time.ts";
import { type Mails, mailContent } from "../../views/mail.ts";

/** The mail of the feature `passwordless`. */
export const passwordlessMails: Pick<Mails, "signInLink"> = {
  signInLink(props) {
    const { catalogue, siteName: site, link, within } = props;
    return mailContent(props, {
      subject: catalogue.text("MAIL_SIGN_IN_SUBJECT", { site }),
      paragraphs: [catalogue.text("MAIL_SIGN_IN_TEXT", { site })],
      button: { text: catalogue.text("MAIL_SIGN_IN_BUTTON"), href: link },
      notes: [
        catalogue.text("MAIL_LINK_LIFE", { time: lengthOfTime(catalogue.language, within) }),
        catalogue.text("MAIL_NOTHING_TO_DO"),
      ],
    });
  },
};
