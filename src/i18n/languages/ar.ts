import type { Texts } from "../message.ts";

/**
 * Arabic, written from right to left, in impersonal requests ("يُرجى"). Values that may be written from left to right, such
 * as addresses, stand between U+2068 and U+2069, which keep their punctuation with them (Unicode UAX 9).
 */
export const arabic: Texts = {
  // Sign-in, sign-out, proving again who one is
  LOGIN: "يُرجى تسجيل الدخول للمتابعة.",
  LOGGED_OUT: "تم تسجيل الخروج.",
  ALREADY_LOGGED_IN: "تم تسجيل الدخول من قبل.",
  GENERIC_AUTHN_FAILED: "لا يوجد حساب مطابق. يُرجى التحقق من البيانات المُدخلة والمحاولة مرة أخرى.",
  USER_DOES_NOT_EXIST: "هذا الحساب غير موجود.",
  US_SPECIFY_IDENTITY: "يُرجى تحديد الحساب المطلوب تسجيل الدخول إليه.",
  IDENTITY_NOT_REGISTERED: "\u2068{id}\u2069 غير معروف هنا.",
  INVALID_PASSWORD: "كلمة المرور غير صحيحة.",
  DISABLED_ACCOUNT: "تم إيقاف هذا الحساب.",
  CONFIRMATION_REQUIRED: "يُرجى تأكيد عنوان البريد الإلكتروني أولًا بفتح الرابط المُرسل بالبريد.",
  TOO_MANY_ATTEMPTS:
    "محاولات كثيرة جدًا. يُرجى المحاولة مرة أخرى بعد {seconds, plural, zero {# ثانية} one {ثانية واحدة} two {ثانيتين} few {# ثوانٍ} many {# ثانية} other {# ثانية}}.",
  ANONYMOUS_USER_REQUIRED: "هذه الصفحة مخصصة للزوار الذين لم يسجلوا الدخول.",
  UNAUTHENTICATED: "يلزم تسجيل الدخول لهذا الإجراء.",
  UNAUTHORIZED: "ليس لهذا الحساب صلاحية الوصول.",
  REAUTHENTICATION_REQUIRED: "يُرجى تأكيد الهوية قبل المتابعة.",
  REAUTHENTICATION_SUCCESSFUL: "شكرًا، تم تأكيد الهوية.",
  GENERIC_US_SIGNIN: "إذا كان هناك حساب بهذه البيانات، فالرمز في طريقه.",
  TITLE_LOGIN: "تسجيل الدخول",
  INTRO_LOGIN: "مرحبًا بعودتك.",
  SUBMIT_LOGIN: "تسجيل الدخول",
  TITLE_LOGOUT: "تسجيل الخروج",
  INTRO_LOGOUT: "هل تريد تسجيل الخروج من هذا الجهاز؟",
  SUBMIT_LOGOUT: "تسجيل الخروج",
  TITLE_VERIFY: "تأكيد الهوية",
  INTRO_VERIFY: "هذه الصفحة محمية. يُرجى إدخال كلمة المرور مرة أخرى للمتابعة.",
  SUBMIT_VERIFY: "متابعة",

  // Registration
  REGISTERED: "الحساب جاهز. يمكن تسجيل الدخول الآن.",
  CONFIRM_REGISTRATION: "بقيت خطوة واحدة: يُرجى فتح الرابط المُرسل إلى \u2068{email}\u2069 لتأكيد العنوان.",
  GENERIC_REGISTRATION:
    "يُرجى تفقّد البريد: إذا كان استخدام هذا العنوان ممكنًا، فالخطوة التالية في الرسالة التي أُرسلت للتو.",
  EMAIL_NOT_PROVIDED: "يُرجى إدخال عنوان البريد الإلكتروني.",
  INVALID_EMAIL_ADDRESS: "هذا ليس عنوان بريد إلكتروني.",
  EMAIL_ALREADY_ASSOCIATED: "العنوان \u2068{email}\u2069 مرتبط بحساب بالفعل.",
  IDENTITY_ALREADY_ASSOCIATED: "«\u2068{value}\u2069» (\u2068{attr}\u2069) مرتبط بحساب بالفعل.",
  USERNAME_NOT_PROVIDED: "يُرجى اختيار اسم مستخدم.",
  USERNAME_INVALID_LENGTH:
    "يتكون اسم المستخدم من {min} إلى {max, plural, zero {# حرف} one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}}.",
  USERNAME_ILLEGAL_CHARACTERS: "يحتوي اسم المستخدم على رموز لا يمكن استخدامها.",
  USERNAME_DISALLOWED_CHARACTERS: "يتكون اسم المستخدم من حروف وأرقام فقط.",
  USERNAME_ALREADY_ASSOCIATED: "اسم المستخدم \u2068{username}\u2069 محجوز.",
  TITLE_REGISTER: "إنشاء حساب",
  INTRO_REGISTER: "لا يستغرق ذلك دقيقة واحدة.",
  SUBMIT_REGISTER: "إنشاء الحساب",

  // Passwords
  PASSWORD_NOT_PROVIDED: "يُرجى إدخال كلمة مرور.",
  PASSWORD_INVALID_LENGTH:
    "تتكون كلمة المرور من {length} إلى {maximum, plural, zero {# حرف} one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}}.",
  PASSWORD_TOO_COMMON: "كثيرون يستخدمون كلمة المرور هذه. يُرجى اختيار كلمة يصعب تخمينها.",
  PASSWORD_TOO_SIMPLE: "كلمة المرور هذه سهلة التخمين. يُرجى اختيار كلمة أطول أو أقل انتظامًا.",
  PASSWORD_IS_IDENTITY: "لا يمكن أن يكون الاسم أو العنوان كلمة المرور.",
  PASSWORD_ILLEGAL: "تحتوي كلمة المرور على رمز تحكم لا يمكن استخدامه.",
  PASSWORD_IS_THE_SAME: "يُرجى اختيار كلمة مرور تختلف عن الحالية.",
  PASSWORD_BREACHED: "كلمة المرور هذه في قائمة كلمات المرور المسروقة. يُرجى اختيار غيرها.",
  PASSWORD_BREACHED_SITE_ERROR: "تعذّر الوصول إلى قائمة كلمات المرور المسروقة. يُرجى المحاولة لاحقًا.",
  PASSWORD_MISMATCH: "كلمتا المرور غير متطابقتين.",
  RETYPE_PASSWORD_MISMATCH: "كلمتا المرور غير متطابقتين.",
  PASSWORD_CHANGE: "تم تغيير كلمة المرور.",
  HINT_PASSWORD_LENGTH:
    "ما لا يقل عن {min, plural, zero {# حرف} one {حرف واحد} two {حرفين} few {# أحرف} many {# حرفًا} other {# حرف}}. بضع كلمات لا صلة بينها تصلح كلمة مرور جيدة.",

  // Recovery
  GENERIC_RECOVERY: "إذا كان هناك حساب بهذه البيانات، فالرسالة التي تتضمن الخطوة التالية في طريقها.",
  FORGOT_PASSWORD: "هل نسيت كلمة المرور؟",

  // Requests
  CSRF_MISSING: "وصل النموذج دون رمز الأمان. يُرجى إعادة تحميل الصفحة والمحاولة مرة أخرى.",
  CSRF_INVALID: "بقي النموذج مفتوحًا مدة طويلة. يُرجى إعادة تحميل الصفحة والمحاولة مرة أخرى.",
  CSRF_ORIGIN: "جاء الطلب من موقع آخر وتم رفضه.",
  INVALID_REDIRECT: "لا يمكن الانتقال إلا إلى صفحات هذا الموقع.",
  INVALID_REQUEST: "تعذّرت قراءة الطلب.",
  INVALID_INPUT: "في البيانات المُدخلة خطأ ما.",
  INVALID_INPUT_LENGTH: "النص المُدخل قصير جدًا أو طويل جدًا.",
  FIELD_REQUIRED: "لا يمكن ترك هذا الحقل فارغًا.",
  FIELD_INVALID: "لا يمكن استخدام هذه القيمة.",
  UNEXPECTED_FIELD: "الحقل «\u2068{name}\u2069» ليس مكانه هنا.",
  UNSUPPORTED_MEDIA_TYPE: "لا يُقبل هنا محتوى من هذا النوع.",
  PAYLOAD_TOO_LARGE: "الطلب أكبر مما يقبله هذا الخادم.",
  METHOD_NOT_ALLOWED: "لا يستجيب هذا العنوان لطلبات من هذا النوع.",
  SERVER_FAILED: "حدث خطأ من جانبنا.",
  INSECURE_TRANSPORT: "لا يستجيب هذا الخادم إلا عبر HTTPS.",
  NOT_FOUND: "لا يوجد شيء في هذا العنوان.",
  SERVER_BUSY:
    "الخادم مشغول. يُرجى المحاولة مرة أخرى بعد {seconds, plural, zero {# ثانية} one {ثانية واحدة} two {ثانيتين} few {# ثوانٍ} many {# ثانية} other {# ثانية}}.",
  API_ERROR: "تعذّرت الاستجابة للطلب.",
  SERVER_ERROR: "حدث خطأ من جانبنا. يُرجى المحاولة لاحقًا.",
  PARAMETER_MISSING: "مطلوب",
  PARAMETER_UNEXPECTED: "غير متوقع هنا",
  PARAMETER_DUPLICATE: "مذكور أكثر من مرة",
  PARAMETER_INVALID: "قيمته لا يمكن استخدامها",

  // Pages
  LABEL_EMAIL: "البريد الإلكتروني",
  LABEL_USERNAME: "اسم المستخدم",
  LABEL_IDENTITY: "البريد الإلكتروني أو اسم المستخدم",
  LABEL_PASSWORD: "كلمة المرور",
  LABEL_PASSWORD_NEW: "كلمة المرور الجديدة",
  LABEL_PASSWORD_CONFIRM: "كلمة المرور مرة أخرى",
  LABEL_REMEMBER: "البقاء قيد تسجيل الدخول على هذا الجهاز",
  TITLE_ERROR: "لم ينجح ذلك",
  TITLE_NOT_FOUND: "غير موجود",
  TITLE_UNAUTHORIZED: "لا توجد صلاحية",
  LINK_LOGIN: "تسجيل الدخول",
  LINK_LOGOUT: "تسجيل الخروج",
  LINK_REGISTER: "إنشاء حساب",
  LINK_HOME: "العودة إلى البداية",
  SKIP_TO_CONTENT: "الانتقال إلى المحتوى",
  NAVIGATION: "الحساب",
  SIGNED_IN_AS: "تم تسجيل الدخول باسم \u2068{name}\u2069",
  ERROR_SUMMARY: "يُرجى مراجعة ما يلي",
};
