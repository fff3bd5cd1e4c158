// What the page says, in its two languages. Refusals of the services come in the caller's language by themselves.

const ko = {
  waiting: "잠시만 기다려 주세요.",
  login: "로그인",
  logout: "로그아웃",
  signup: "회원가입",
  reset: "비밀번호 재설정",
  forgotten: "비밀번호를 잊으셨나요?",
  email: "이메일",
  password: "비밀번호",
  newPassword: "새 비밀번호",
  passwordHint: "10자 이상. 흔한 비밀번호는 사용할 수 없습니다.",
  displayName: "이름",
  code: "인증번호 6자리",
  resend: "인증번호 다시 받기",
  sendCode: "인증번호 받기",
  checkCode: "확인",
  finishSignup: "가입하기",
  finishReset: "비밀번호 바꾸기",
  codeSent: "메일로 인증번호를 보냈습니다. 5분 안에 입력해 주세요.",
  resetDone: "비밀번호를 바꾸었습니다. 모든 기기에서 로그아웃되었습니다.",
  or: "또는",
  google: "Google로 계속하기",
  naver: "네이버로 계속하기",
  kakao: "카카오로 계속하기",
  sessions: "로그인된 기기",
  sessionsHint: "모르는 기기가 있으면 끝내고 비밀번호를 바꾸세요.",
  here: "지금 이 기기",
  unknownDevice: "알 수 없는 기기",
  lastUsed: "마지막 사용",
  firstUsed: "로그인",
  end: "끝내기",
  endThis: (device) => `${device} 끝내기`,
  endOthers: "다른 기기 모두 로그아웃",
  handedOn: "맡겨 둔 작업",
  handedOnHint: "서비스가 나중에 회원님을 대신해 하는 일입니다. 원하지 않으면 취소하세요.",
  recall: "취소하기",
  recallThis: (purpose) => `${purpose} 취소하기`,
  recalled: (purpose) => `${purpose} 작업을 취소했습니다.`,
  by: (executor, handedOnBy) => `${executor} 실행 (${handedOnBy}에서 요청)`,
  days: { tonight: "오늘 밤", today: "오늘", tomorrow: "내일" },
  from: (day, time) => `${day} ${time}부터`,
  until: (day, time) => `${day} ${time}까지`,
  uses: (uses, max) => `${max}번 중 ${uses}번 사용`,
  outlives: "로그아웃해도 계속됩니다",
  ended: "로그아웃되었습니다.",
  endedElsewhere: "다른 곳에서 로그아웃되었습니다. 다시 로그인해 주세요.",
  othersEnded: (count) => `다른 기기 ${count}대에서 로그아웃했습니다.`,
  taken: (provider) => `${provider}로 가입된 이메일입니다.`,
  linked: (provider) => `${provider} 계정을 연결했습니다.`,
  unreachable: "서버에 연결할 수 없습니다. 잠시 후 다시 시도해 주세요.",
  A010: "소셜 로그인에 실패했습니다. 다시 시도해 주세요.",
  A011: "인증되지 않은 이메일입니다. 제공자에서 이메일을 인증해 주세요.",
  A012: "로그인 제공자가 응답하지 않습니다. 잠시 후 다시 시도해 주세요.",
  denied: "로그인을 취소했습니다.",
  missing: {
    min_length: "10자 이상이어야 합니다.",
    max_length: "128자 이하여야 합니다.",
    no_nul: "사용할 수 없는 문자가 있습니다.",
    common: "너무 흔한 비밀번호입니다.",
    contains_email: "이메일 주소가 들어 있습니다.",
  },
};

const en = {
  waiting: "One moment.",
  login: "Log in",
  logout: "Log out",
  signup: "Sign up",
  reset: "Reset your password",
  forgotten: "Forgotten your password?",
  email: "E-mail",
  password: "Password",
  newPassword: "New password",
  passwordHint: "10 characters or more; none of the common ones.",
  displayName: "Name",
  code: "Code of 6 digits",
  resend: "Send another code",
  sendCode: "Send a code",
  checkCode: "Check the code",
  finishSignup: "Sign up",
  finishReset: "Change the password",
  codeSent: "A code is on its way to you. It is good for 5 minutes.",
  resetDone: "Your password is changed, and you are logged out on every device.",
  or: "or",
  google: "Continue with Google",
  naver: "Continue with Naver",
  kakao: "Continue with Kakao",
  sessions: "Where you are logged in",
  sessionsHint: "If you do not know a device, end it and change your password.",
  here: "this device",
  unknownDevice: "Unknown device",
  lastUsed: "last used",
  firstUsed: "logged in",
  end: "End",
  endThis: (device) => `End ${device}`,
  endOthers: "Log out on all other devices",
  handedOn: "What is done for you",
  handedOnHint: "Services do this on your behalf later on. Call back what you do not want.",
  recall: "Call back",
  recallThis: (purpose) => `Call back ${purpose}`,
  recalled: (purpose) => `${purpose} is called back.`,
  by: (executor, handedOnBy) => `by ${executor}, asked for at ${handedOnBy}`,
  days: { tonight: "tonight", today: "today", tomorrow: "tomorrow" },
  from: (day, time) => `from ${day}, ${time}`,
  until: (day, time) => `until ${day}, ${time}`,
  uses: (uses, max) => `used ${uses} of ${max} times`,
  outlives: "goes on when you log out",
  ended: "You are logged out.",
  endedElsewhere: "You were logged out from somewhere else. Please log in again.",
  othersEnded: (count) => `Logged out on ${count} other device${count === 1 ? "" : "s"}.`,
  taken: (provider) => `This e-mail is already registered with ${provider}.`,
  linked: (provider) => `${provider} is linked to your account.`,
  unreachable: "The server cannot be reached. Please try again in a moment.",
  A010: "That did not work. Please try again.",
  A011: "Your e-mail is not verified there. Please verify it with the provider first.",
  A012: "The provider does not answer. Please try again in a moment.",
  denied: "You have cancelled.",
  missing: {
    min_length: "It has 10 characters or more.",
    max_length: "It has 128 characters at the most.",
    no_nul: "It contains a character that cannot be used.",
    common: "It is too common.",
    contains_email: "It contains your e-mail address.",
  },
};

const KEY = "baton.language";

/// A browser may keep nothing for us; then the choice lasts as long as the page.
function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(chosen) {
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // See above.
  }
}

function preferred() {
  const chosen = kept();
  if (chosen === "ko" || chosen === "en") return chosen;
  const first = navigator.languages.find((tag) => /^(ko|en)\b/i.test(tag));
  return first && first.toLowerCase().startsWith("en") ? "en" : "ko";
}

export let language = preferred();

export function words() {
  return language === "en" ? en : ko;
}

export function switchLanguage() {
  language = language === "en" ? "ko" : "en";
  keep(language);
}
