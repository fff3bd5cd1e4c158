//! The codes that every service may answer with.

use crate::envelope::ErrorCode;

const fn code(code: &'static str, status: u16, ko: &'static str, en: &'static str) -> ErrorCode {
    ErrorCode { code, status, ko, en }
}

/// The input breaks a rule; `data.fields` says which.
pub const VALIDATION: ErrorCode =
    code("C001", 400, "입력값이 올바르지 않습니다.", "The input is not valid.");
/// The body is not the JSON asked for.
pub const BAD_JSON: ErrorCode =
    code("C002", 400, "요청 본문을 읽을 수 없습니다.", "The body is not the JSON asked for.");
/// No such path.
pub const NO_SUCH_PATH: ErrorCode =
    code("C003", 404, "존재하지 않는 경로입니다.", "There is no such path.");
/// The path has no such method.
pub const METHOD_NOT_ALLOWED: ErrorCode =
    code("C004", 405, "허용되지 않는 메서드입니다.", "The method is not allowed here.");
/// The body is too large.
pub const TOO_LARGE: ErrorCode =
    code("C005", 413, "요청 본문이 너무 큽니다.", "The body is too large.");
/// The media type is not one that the path takes.
pub const MEDIA_TYPE: ErrorCode =
    code("C006", 415, "지원하지 않는 형식입니다.", "The media type is not supported.");
/// Too many requests.
pub const TOO_MANY_REQUESTS: ErrorCode =
    code("C007", 429, "요청이 너무 많습니다.", "Too many requests.");
/// A part that the request needs is away.
pub const UNAVAILABLE: ErrorCode =
    code("C008", 503, "잠시 후 다시 시도해 주세요.", "Please try again in a moment.");
/// The unexpected.
pub const UNEXPECTED: ErrorCode =
    code("C009", 500, "서버 오류가 발생했습니다.", "Something went wrong on our side.");
/// The body came too slowly.
pub const TOO_SLOW: ErrorCode =
    code("C010", 408, "요청 본문이 너무 느리게 전송되었습니다.", "The body came too slowly.");
/// The route needs a session and the request has none.
pub const SESSION_REQUIRED: ErrorCode =
    code("A001", 401, "로그인이 필요합니다.", "A session is required.");
/// The token is not one that this service accepts.
pub const TOKEN_INVALID: ErrorCode =
    code("A002", 401, "유효하지 않은 토큰입니다.", "The token is not valid.");
/// The token has expired.
pub const TOKEN_EXPIRED: ErrorCode =
    code("A003", 401, "만료된 토큰입니다.", "The token has expired.");
/// The token was revoked.
pub const TOKEN_REVOKED: ErrorCode =
    code("A004", 401, "폐기된 토큰입니다.", "The token has been revoked.");
/// The token lacks the scope that the route needs.
pub const SCOPE_MISSING: ErrorCode =
    code("A005", 403, "권한이 없습니다.", "The token lacks the scope that this needs.");
/// The caller's session lacks the role that the route needs.
pub const ROLE_MISSING: ErrorCode =
    code("A014", 403, "권한이 없습니다.", "The session lacks the role that this needs.");
/// The `Idempotency-Key` was used for another request. It has the letter of the service that had it first.
pub const IDEMPOTENCY_KEY_REUSED: ErrorCode = code(
    "O004",
    422,
    "이미 다른 요청에 사용된 Idempotency-Key입니다.",
    "This Idempotency-Key was used for another request.",
);
/// The request with this `Idempotency-Key` has not been answered yet.
pub const REQUEST_RUNNING: ErrorCode = code(
    "O005",
    409,
    "같은 Idempotency-Key의 요청이 아직 처리 중입니다.",
    "The request with this Idempotency-Key is still running.",
);
