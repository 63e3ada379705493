/** The devices that somebody is signed in on, and sign-ins that somebody disowns. */
export const devices = {
  SESSION_ENDED: { category: "success", text: "That device is signed out." },
  OTHER_SESSIONS_ENDED: { category: "success", text: "All other devices are signed out." },
  SIGN_IN_DISOWNED: {
    category: "success",
    text: "Everybody is signed out of your account. A mail with a link for a new password is on its way.",
  },
  TITLE_NOT_ME: "This was not you?",
  INTRO_NOT_ME: "Then everybody is signed out of the account of {email}, and you choose a new password.",
  INTRO_NOT_ME_KEYS:
    "Then everybody is signed out of the account of {email}, and you choose a new password. The API keys that were made since that sign-in end too: {keys}",
  SUBMIT_NOT_ME: "It was not me",
  TITLE_SESSIONS: "Your devices",
  INTRO_SESSIONS:
    "This is where you are signed in. If you do not know one of them, sign it out and change your password.",
  SUBMIT_END_SESSION: "Sign out",
  SUBMIT_END_OTHERS: "Sign out all other devices",
  DEVICE_UNKNOWN: "Unknown device",
  DEVICE_CURRENT: "This device",
  DEVICE_ADDRESS: "Address",
  DEVICE_SINCE: "Signed in",
  DEVICE_LAST_SEEN: "Last used",
  DEVICE_IDLE_END: "Ends when not used until",
  DEVICE_ABSOLUTE_END: "Ends at the latest",
  DEVICE_REMEMBERED: "Kept signed in until",
  DEVICES_NONE: "You are signed in nowhere.",
} as const;
