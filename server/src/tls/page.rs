//! The page that helps people to trust the local authority: what it is, how a phone is told, and
//! what to download. It is served over plain HTTP too, since it comes before the trust.

mod profile;
mod texts;

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
    },
    middleware,
    response::IntoResponse,
    routing::get,
};
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use http::uri::Authority as Host;
use qrcode::{EcLevel, QrCode, render::svg};

use super::{
    Wanted,
    authority::{Authority, hex},
    names,
};
use crate::{html::escape, http::refuse};
use texts::{Steps, Texts};

/// The page's address on the server.
pub const PATH: &str = "/ca";
const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// Holds for all of it: no scripts, nothing from elsewhere.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
/// The side of one module of the QR code, in pixels.
const MODULE: u32 = 8;

/// The page of an authority.
#[derive(Debug)]
pub struct Page {
    authority: Arc<Authority>,
    wanted: Wanted,
}

impl Page {
    pub(super) fn new(authority: Arc<Authority>, wanted: Wanted) -> Page {
        Page { authority, wanted }
    }

    /// Where phones in the network find it: over plain HTTP, which needs no trust yet.
    pub fn address(&self) -> String {
        format!("http://{}{PATH}", self.host())
    }

    /// Host and port, as others in the network reach the server.
    fn host(&self) -> String {
        if let Some(origin) = &self.wanted.public_url
            && let Some(authority) =
                origin.as_str().parse::<Uri>().ok().and_then(|uri| uri.into_parts().authority)
        {
            let port = authority.port_u16().unwrap_or(443);
            return format!("{}:{port}", authority.host());
        }
        names::in_the_network(self.wanted.listen).to_string()
    }

    /// The authority's certificate.
    pub fn der(&self) -> &[u8] {
        self.authority.der()
    }

    /// Whether the address leads here from other machines too.
    pub fn is_for_others(&self) -> bool {
        !self.wanted.listen.ip().is_loopback()
    }

    /// What people compare before they install the certificate (SHA-256), in lines.
    pub fn fingerprint(&self) -> Vec<String> {
        self.authority.fingerprint().chunks(8).map(|line| hex(line, " ")).collect()
    }

    /// The address as a QR code of half blocks, black on white whatever the terminal's colours.
    pub fn terminal_code(&self) -> String {
        const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
        const AS_BEFORE: &str = "\x1b[0m";
        let code = code(&self.address());
        let code = code.render::<qrcode::render::unicode::Dense1x2>();
        let lines = code.build();
        lines.lines().map(|line| format!("{BLACK_ON_WHITE}{line}{AS_BEFORE}\n")).collect()
    }

    pub(super) fn routes(self: &Arc<Page>) -> Router {
        Router::new()
            .route(PATH, get(page))
            .route("/ca.css", get(async || typed("text/css; charset=utf-8", STYLE)))
            .route("/ca.crt", get(certificate))
            .route("/ca.mobileconfig", get(profile))
            .route("/ca.svg", get(picture))
            .layer(middleware::map_response(with_headers))
            .with_state(Arc::clone(self))
    }
}

fn code(address: &str) -> QrCode {
    QrCode::with_error_correction_level(address, EcLevel::M).expect("an address is short enough")
}

async fn with_headers(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A file that the browser saves under this name.
fn file(kind: &'static str, disposition: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = typed(kind, body);
    let disposition = HeaderValue::from_static(disposition);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    response
}

async fn certificate(State(page): State<Arc<Page>>) -> Response<Body> {
    let named = "attachment; filename=\"carillon-ca.crt\"";
    file("application/x-x509-ca-cert", named, page.authority.der().to_vec())
}

async fn profile(State(page): State<Arc<Page>>) -> Response<Body> {
    let named = "attachment; filename=\"carillon-ca.mobileconfig\"";
    let profile = profile::of(page.authority.der(), &page.authority.fingerprint());
    file("application/x-apple-aspen-config", named, profile.into_bytes())
}

async fn picture(State(page): State<Arc<Page>>) -> Response<Body> {
    let code = code(&page.address());
    let picture = code.render::<svg::Color<'_>>().module_dimensions(MODULE, MODULE).build();
    typed("image/svg+xml", picture)
}

async fn page(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let asked = uri.query().and_then(|query| query.strip_prefix("lang="));
    let texts = asked
        .and_then(Texts::in_language)
        .unwrap_or_else(|| Texts::accepted(text(header::ACCEPT_LANGUAGE).unwrap_or_default()));
    let agent = text(header::USER_AGENT).unwrap_or_default();
    // As the person has typed it, if that is a host; it becomes a part of the page.
    let host = text(header::HOST).and_then(|host| host.parse::<Host>().ok());
    let host = host.map_or_else(|| page.host(), |host| escape(host.as_str()));
    typed("text/html; charset=utf-8", page.html(texts, agent, &host))
}

impl Page {
    fn html(&self, texts: &Texts, agent: &str, host: &str) -> String {
        let hint = if agent.contains("MicroMessenger") {
            format!("<p class=\"hint\" role=\"note\">{}</p>", escape(texts.wechat))
        } else {
            String::new()
        };
        let sections = texts.steps.iter().map(|steps| section(steps, agent));
        PAGE.replace("{lang}", texts.lang)
            .replace("{title}", &escape(texts.title))
            .replace("{languages}", &languages(texts))
            .replace("{hint}", &hint)
            .replace("{why}", &escape(texts.why))
            .replace("{compare}", &escape(texts.compare))
            .replace("{fingerprint}", &self.fingerprint().join("<br>"))
            .replace("{sections}", &sections.collect::<String>())
            .replace("{then}", &escape(texts.then))
            .replace("{open}", &escape(texts.open))
            .replace("{host}", host)
            .replace("{share}", &escape(texts.share))
            .replace("{address}", &escape(&self.address()))
    }
}

/// The steps on one kind of device, open if it is the one that asks.
fn section(steps: &Steps, agent: &str) -> String {
    let open = if steps.agents.iter().any(|name| agent.contains(name)) { " open" } else { "" };
    let mut html = format!("<details{open}>\n<summary>{}</summary>\n<ol>\n", escape(steps.device));
    let button =
        format!("<a class=\"button\" href=\"{}\">{}</a>", steps.file, escape(steps.download));
    let texts = |steps: &[&str]| steps.iter().map(|step| escape(step)).collect::<Vec<_>>();
    for step in [texts(steps.first), vec![button], texts(steps.then)].concat() {
        let _ = writeln!(html, "<li>{step}</li>");
    }
    html + "</ol>\n</details>\n"
}

/// The other languages, each in its own words.
fn languages(texts: &Texts) -> String {
    let others = texts::ALL.iter().filter(|other| other.lang != texts.lang);
    let links = others.map(|other| {
        let (lang, name) = (other.lang, escape(other.language));
        format!("<a href=\"{PATH}?lang={lang}\" lang=\"{lang}\" hreflang=\"{lang}\">{name}</a>")
    });
    links.collect::<Vec<_>>().join("\n")
}

/// Where HTTPS is spoken: the way there for who reads pages, and a refusal for programs, which
/// have said aloud already what they should have whispered.
pub(super) async fn redirect(request: Request<Body>) -> Response<Body> {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Host>().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match host {
        Some(host) if reads && !headers.contains_key(header::UPGRADE) => {
            let location = format!("https://{host}{path}");
            let away = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".into())];
            (StatusCode::TEMPORARY_REDIRECT, away).into_response()
        }
        _ => {
            let msg = "this server speaks HTTPS only; use https:// or wss://";
            refuse(Codec::Json, &ErrorBody::new(ErrorCode::Forbidden, msg))
        }
    }
}
