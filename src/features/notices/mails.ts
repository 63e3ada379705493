import { type Mails, mailContent } from "../../views/mail.ts";

/** The mail of the feature `notices`. */
export const noticesMails: Pick<Mails, "newDevice"> = {
  newDevice(props) {
    const { catalogue, siteName: site, link, at, address, program, system } = props;
    const time = new Intl.DateTimeFormat(catalogue.language, { dateStyle: "long", timeStyle: "long", timeZone: "UTC" });
    const device = [program, system].filter((part) => part !== undefined).join(", ");
    return mailContent(props, {
      subject: catalogue.text("MAIL_NEW_DEVICE_SUBJECT"),
      paragraphs: [
        catalogue.text("MAIL_NEW_DEVICE_TEXT", { site, time: time.format(at) }),
        ...(device === "" ? [] : [catalogue.text("MAIL_NEW_DEVICE_DEVICE", { device })]),
        ...(address === undefined ? [] : [catalogue.text("MAIL_NEW_DEVICE_ADDRESS", { address })]),
        catalogue.text("MAIL_NEW_DEVICE_YOU"),
      ],
      button: { text: catalogue.text("MAIL_NEW_DEVICE_BUTTON"), href: link },
    });
  },
};
