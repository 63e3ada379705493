import { type Mails, mailContent } from "../../views/mail.ts";

/** To the owner of an address that somebody tried to register, or to move their account to. */
export const addressInUse: Mails["addressInUse"] = (props) => {
  const { catalogue, siteName: site, recover, username } = props;
  return mailContent(props, {
    subject: catalogue.text("MAIL_ADDRESS_IN_USE_SUBJECT"),
    paragraphs: [
      catalogue.text("MAIL_ADDRESS_IN_USE_TEXT", { site }),
      ...(username === undefined ? [] : [catalogue.text("MAIL_ADDRESS_IN_USE_USERNAME", { username })]),
    ],
    ...(recover === undefined ? {} : { button: { text: catalogue.text("MAIL_ADDRESS_IN_USE_BUTTON"), href: recover } }),
    notes: [catalogue.text("MAIL_NOTHING_TO_DO")],
  });
};
