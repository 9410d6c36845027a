//! The web app, which is a part of the program.
//!
//! A release has the files in itself. A debug build reads them from the disk for each request, so
//! that a new build of the app needs none of the server.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header},
};
use bytes::Bytes;
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use rust_embed::{Embed, EmbeddedFile};

use super::{Door, refuse};
use crate::config::PictureSource;

/// As the app's build leaves them; each text also compressed, with one of [`ENCODINGS`] at the end
/// of its name.
#[derive(Embed)]
#[folder = "../client-sdk/web/dist"]
struct Files;

/// The app itself, whatever page of it a person asks for.
const APP: &str = "index.html";
/// What stands below has a name that changes with its content.
const NAMED_BY_CONTENT: &str = "assets/";
/// Compressed forms, the smallest first: what a browser calls them, and how their names end.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// What the app may do but for pictures: run and show what comes from here. No script stands in a
/// page, and no text becomes markup; the one address of a script that it makes is that of its
/// service worker.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; font-src 'self'; worker-src 'self'; \
    manifest-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'self'; require-trusted-types-for 'script'; trusted-types service-worker";

/// What the app may do, also with pictures that the operator allows.
pub(super) fn policy(pictures: &[PictureSource]) -> HeaderValue {
    let pictures: String = pictures.iter().map(|source| format!(" {}", source.as_str())).collect();
    let policy = format!("{POLICY}; img-src 'self' data: blob:{pictures}");
    HeaderValue::try_from(policy).expect("sources are of visible characters")
}

/// What calls need, and nothing else that a page could ask a person's machine for.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), \
    accelerometer=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), \
    midi=(), payment=(), serial=(), usb=()";

/// Whether there is an app to show.
pub fn is_built() -> bool {
    Files::get(APP).is_some()
}

/// A file of the app; the app itself for what a person typed or kept as a bookmark; and for
/// everything else that there is no such page.
pub(super) async fn answer(
    State(door): State<Door>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let policy = &door.0.policy;
    let path = uri.path().trim_start_matches('/');
    let name = if path.is_empty() { APP } else { path };
    if method != Method::GET && method != Method::HEAD {
        return nowhere();
    }
    match File::find(name, &headers) {
        Some(file) => file.answer(&headers, policy),
        None if name != APP && !is_page(path, &headers) => nowhere(),
        None => {
            File::find(APP, &headers).map_or_else(not_built, |app| app.answer(&headers, policy))
        }
    }
}

/// Whether a browser shows the answer as a page. Programs, and pages that load their parts, do not
/// ask for HTML.
fn is_page(path: &str, headers: &HeaderMap) -> bool {
    let reserved = path == "v1" || ["v1/", NAMED_BY_CONTENT].iter().any(|p| path.starts_with(p));
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    !reserved && accepted.is_some_and(|kinds| kinds.contains("text/html"))
}

fn nowhere() -> Response<Body> {
    let msg = "there is no such page; operations are at /v1/rpc/{op}";
    refuse(Codec::Json, &ErrorBody::new(ErrorCode::NotFound, msg))
}

fn not_built() -> Response<Body> {
    let mut response = Response::new(Body::from("the web app is not built: run `make web`\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A file in the form that the browser understands.
struct File {
    name: String,
    kind: String,
    encoding: Option<&'static str>,
    form: EmbeddedFile,
}

impl File {
    fn find(name: &str, headers: &HeaderMap) -> Option<File> {
        if ENCODINGS.iter().any(|(_, end)| name.ends_with(end)) || !is_inside(name) {
            return None;
        }
        let plain = Files::get(name)?;
        let kind = plain.metadata.mimetype().to_owned();
        let mut forms = ENCODINGS.iter().filter(|(encoding, _)| accepts(headers, encoding));
        let compressed = forms.find_map(|(encoding, end)| {
            Files::get(&format!("{name}{end}")).map(|form| (*encoding, form))
        });
        let (encoding, form) = match compressed {
            Some((encoding, form)) => (Some(encoding), form),
            None => (None, plain),
        };
        Some(File { name: name.to_owned(), kind, encoding, form })
    }

    /// The file, or that the browser has it already.
    fn answer(self, headers: &HeaderMap, policy: &HeaderValue) -> Response<Body> {
        let etag = self.etag();
        let fresh = has(headers, &etag);
        let mut response = Response::new(Body::empty());
        let answered = response.headers_mut();
        for (name, text) in self.headers() {
            answered.insert(name, HeaderValue::from_static(text));
        }
        answered.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        answered.insert(header::ETAG, etag);
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        answered.insert(header::CONTENT_TYPE, self.content_type());
        if let Some(encoding) = self.encoding {
            answered.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        *response.body_mut() = match self.form.data {
            Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        response
    }

    fn headers(&self) -> [(HeaderName, &'static str); 4] {
        let cache = if self.name.starts_with(NAMED_BY_CONTENT) {
            "public, max-age=31536000, immutable"
        } else {
            // It may be kept, and is asked for each time whether it is still the same.
            "no-cache"
        };
        // The app is what stands at an address only for those who accept a page.
        let vary = if self.name == APP { "accept, accept-encoding" } else { "accept-encoding" };
        [
            (header::CACHE_CONTROL, cache),
            (header::VARY, vary),
            (HeaderName::from_static("permissions-policy"), PERMISSIONS),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ]
    }

    fn content_type(&self) -> HeaderValue {
        let charset = if self.kind.starts_with("text/") { "; charset=utf-8" } else { "" };
        HeaderValue::try_from(format!("{}{charset}", self.kind)).expect("the table has types")
    }

    /// The digest of the bytes that are sent: another one for each encoding.
    fn etag(&self) -> HeaderValue {
        let digest = self.form.metadata.sha256_hash();
        let digest = digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
        HeaderValue::try_from(format!("\"{digest:032x}\"")).expect("it is of digits")
    }
}

/// Whether a name stays in the folder. A debug build looks it up on the disk, where it would follow
/// a link that lies elsewhere.
fn is_inside(name: &str) -> bool {
    !name.contains('\\') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether the browser has what this digest names.
fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let mut tags = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    // Proxies that compress make an ETag weak.
    tags.any(|tag| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes())
}

/// Whether the browser understands an encoding; what it calls worth nothing, it does not.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut items = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    items.any(|item| {
        let (name, worth) = item.split_once(';').unwrap_or((item, "q=1"));
        let worth = worth.trim().trim_start_matches("q=").parse().unwrap_or(0.0);
        name.trim() == encoding && worth > 0.0
    })
}
