//! The inbox in the browser: a page with its style and its modules, all within the binary.
//!
//! Invariant: the page loads nothing from elsewhere, and has no script and no style in it. Its headers hold
//! a browser to this, so that a text that were taken for markup would still run nothing.

use std::fmt::Write as _;
use std::future::ready;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

/// What the page may load and run. Trusted types leave a script no way to turn a text into markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page: its path, its type and its content.
struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! files {
    ($($path:literal $kind:ident $file:literal),* $(,)?) => {
        [$(File { path: $path, kind: $kind, content: include_bytes!(concat!("inbox/", $file)) }),*]
    };
}

const FILES: [File; 16] = files![
    "/inbox" HTML "index.html",
    "/inbox/style.css" CSS "style.css",
    "/inbox/icon.svg" SVG "icon.svg",
    "/inbox/main.js" JAVASCRIPT "main.js",
    "/inbox/api.js" JAVASCRIPT "api.js",
    "/inbox/composer.js" JAVASCRIPT "composer.js",
    "/inbox/details.js" JAVASCRIPT "details.js",
    "/inbox/dialogs.js" JAVASCRIPT "dialogs.js",
    "/inbox/directory.js" JAVASCRIPT "directory.js",
    "/inbox/dom.js" JAVASCRIPT "dom.js",
    "/inbox/filters.js" JAVASCRIPT "filters.js",
    "/inbox/list.js" JAVASCRIPT "list.js",
    "/inbox/live.js" JAVASCRIPT "live.js",
    "/inbox/message.js" JAVASCRIPT "message.js",
    "/inbox/thread.js" JAVASCRIPT "thread.js",
    "/inbox/time.js" JAVASCRIPT "time.js",
];

/// The routes of the page. They need no key: what the page shows comes from the API.
pub(crate) fn routes() -> Router {
    // The page names its files relative to itself, so that a proxy may serve it below another path.
    let to_page = |page| get(move || ready((StatusCode::PERMANENT_REDIRECT, [(LOCATION, page)])));
    let router = Router::new()
        .route("/", to_page("inbox"))
        .route("/inbox/", to_page("../inbox"));
    FILES.iter().fold(router, |router, file| {
        let tag = tag(file.content);
        let answer = move |headers: HeaderMap| ready(answer(file, &tag, &headers));
        router.route(file.path, get(answer))
    })
}

/// The entity tag of a content.
fn tag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let mut tag = String::from("\"");
    for byte in digest.iter().take(16) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}

/// The file, or that the browser has it already.
fn answer(file: &File, tag: &str, headers: &HeaderMap) -> Response {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let known = known.filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
    let mut response = match tags.any(|known| known.trim_start_matches("W/") == tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Bytes::from_static(file.content).into_response(),
    };
    let fixed = [
        (CONTENT_TYPE, file.kind),
        // Asked for each time, and sent only after an upgrade of the server.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ];
    let all = response.headers_mut();
    for (name, value) in fixed {
        all.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(tag) {
        all.insert(ETAG, tag);
    }
    response
}
