//! What is particular to browsers: the cookie of a session, and requests that another site makes a browser send.

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::sessions::LIFETIME;
use crate::errors::ApiError;

const NAME: &str = "convodb_session";

/// A header that no other site can make a browser send.
const CSRF: &str = "X-Convodb-Csrf";

const FORWARDED_PROTO: &str = "X-Forwarded-Proto";
const FORWARDED_HOST: &str = "X-Forwarded-Host";

/// The `Set-Cookie` of a new session.
pub(super) fn session_cookie(
    token: &str,
    headers: &HeaderMap,
    always_secure: bool,
) -> Result<HeaderValue, ApiError> {
    cookie(token, LIFETIME.as_secs(), headers, always_secure)
}

/// The `Set-Cookie` that removes the cookie.
pub(super) fn no_cookie(headers: &HeaderMap, always_secure: bool) -> Result<HeaderValue, ApiError> {
    cookie("", 0, headers, always_secure)
}

fn cookie(
    token: &str,
    seconds: u64,
    headers: &HeaderMap,
    always_secure: bool,
) -> Result<HeaderValue, ApiError> {
    let is_https = value(headers, FORWARDED_PROTO)
        .is_some_and(|protocol| first(protocol).eq_ignore_ascii_case("https"));
    let secure = match always_secure || is_https {
        true => "; Secure",
        false => "",
    };
    let cookie =
        format!("{NAME}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}");
    HeaderValue::try_from(cookie).map_err(|_| ApiError::of(StatusCode::INTERNAL_SERVER_ERROR))
}

/// The token of a session. Of two, neither counts: a site of a neighbouring name may have set one of them.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let mut tokens = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
        // Others may have any bytes.
        .filter_map(|cookie| str::from_utf8(cookie).ok())
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == NAME);
    let (_, token) = tokens.next()?;
    tokens.next().is_none().then_some(token)
}

/// Refuses a request that another site may have made a browser send.
pub(super) fn check_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(CSRF).is_none_or(|value| value != "1") {
        return Err(ApiError::denied(format!(
            "a request by cookie that changes something needs the header `{CSRF}: 1`"
        )));
    }
    let is_foreign = headers
        .get("Sec-Fetch-Site")
        .is_some_and(|site| site != "same-origin");
    if is_foreign || (headers.contains_key(ORIGIN) && !is_own_origin(headers)) {
        return Err(ApiError::denied("the request comes from another origin"));
    }
    Ok(())
}

/// Whether the `Origin` is this server, or the proxy in front of it.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let origin = value(headers, ORIGIN.as_str()).and_then(|origin| origin.parse::<Uri>().ok());
    let Some((scheme, authority)) = origin
        .as_ref()
        .and_then(|origin| Some((origin.scheme_str()?, origin.authority()?.as_str())))
    else {
        return false;
    };
    let host = value(headers, FORWARDED_HOST).map(first);
    let Some(host) = host.or_else(|| value(headers, HOST.as_str())) else {
        return false;
    };
    let scheme_fits = value(headers, FORWARDED_PROTO)
        .is_none_or(|protocol| first(protocol).eq_ignore_ascii_case(scheme));
    // A browser leaves out the port of the scheme, and a proxy may add it.
    let port = match scheme {
        "https" => ":443",
        _ => ":80",
    };
    let bare = |authority: &str| {
        let host = authority.strip_suffix(port).unwrap_or(authority);
        host.to_ascii_lowercase()
    };
    scheme_fits && bare(authority) == bare(host)
}

/// A header that is given once.
fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Of several proxies, the first.
fn first(values: &str) -> &str {
    values.split(',').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_static(value)))
        };
        given.iter().filter_map(header).collect()
    }

    #[test]
    fn the_token_is_one_of_several_cookies() {
        for (cookies, expected) in [
            ("convodb_session=abc", Some("abc")),
            ("a=b; convodb_session=abc; c=d", Some("abc")),
            ("convodb_session=", Some("")),
            ("convodb_session=a; convodb_session=b", None),
            ("xconvodb_session=a", None),
            ("convodb_session", None),
        ] {
            assert_eq!(
                token(&headers(&[("cookie", cookies)])),
                expected,
                "{cookies}"
            );
        }
    }

    #[test]
    fn a_request_by_cookie_needs_the_header_and_its_own_origin() {
        let csrf = (CSRF, "1");
        let host = ("host", "inbox.example.com");
        for (given, allowed) in [
            (&[csrf, host][..], true),
            (&[host], false),
            (&[(CSRF, "0"), host], false),
            (&[csrf, host, ("origin", "https://inbox.example.com")], true),
            (
                &[csrf, host, ("origin", "https://INBOX.example.com:443")],
                true,
            ),
            (
                &[csrf, host, ("origin", "https://inbox.example.com:444")],
                false,
            ),
            (&[csrf, host, ("origin", "https://evil.example.com")], false),
            (&[csrf, host, ("origin", "null")], false),
            (
                &[
                    csrf,
                    ("host", "localhost:8080"),
                    ("origin", "http://localhost:8080"),
                ],
                true,
            ),
            (
                &[
                    csrf,
                    ("host", "localhost:8080"),
                    ("origin", "http://localhost"),
                ],
                false,
            ),
            (&[csrf, host, ("sec-fetch-site", "same-origin")], true),
            (&[csrf, host, ("sec-fetch-site", "same-site")], false),
            (&[csrf, host, ("sec-fetch-site", "cross-site")], false),
            (
                &[
                    csrf,
                    ("host", "127.0.0.1:8080"),
                    ("x-forwarded-host", "inbox.example.com"),
                    ("x-forwarded-proto", "https"),
                    ("origin", "https://inbox.example.com"),
                ],
                true,
            ),
            (
                &[
                    csrf,
                    host,
                    ("x-forwarded-proto", "https"),
                    ("origin", "http://inbox.example.com"),
                ],
                false,
            ),
        ] {
            assert_eq!(check_origin(&headers(given)).is_ok(), allowed, "{given:?}");
        }
    }

    #[test]
    fn a_cookie_is_secure_behind_https_or_by_option() {
        let set = |given: &[_], always| {
            let cookie = session_cookie("abc", &headers(given), always);
            cookie
                .ok()
                .and_then(|cookie| cookie.to_str().ok().map(str::to_owned))
        };
        let plain = "convodb_session=abc; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200";
        let secure = format!("{plain}; Secure");
        assert_eq!(set(&[], false).as_deref(), Some(plain));
        let http = [("x-forwarded-proto", "http")];
        assert_eq!(set(&http, false).as_deref(), Some(plain));
        for (given, always) in [
            (&[("x-forwarded-proto", "https")][..], false),
            (&[("x-forwarded-proto", "HTTPS, http")], false),
            (&[], true),
        ] {
            assert_eq!(set(given, always), Some(secure.clone()));
        }
    }
}
