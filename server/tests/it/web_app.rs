//! The web app, as browsers get it from the server.

use std::{fs, path::PathBuf};

use hyper::Response;

use crate::{
    kit::{TestServer, exchange},
    process::{Process, carillon},
};

/// What a browser accepts when a person opens an address.
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const APP: &str = "index.html";

/// A file as the app's build left it.
fn built(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../client-sdk/web/dist").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run `make web`", path.display()))
}

/// The addresses of what the page loads, as `/assets/…`.
fn parts() -> Vec<String> {
    let page = String::from_utf8(built(APP)).unwrap();
    let mut parts = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        let addresses = page.split(attribute).skip(1);
        parts.extend(addresses.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    parts
}

/// The script that the page begins with.
fn script() -> String {
    parts().into_iter().find(|part| part.ends_with(".js")).expect("the app has a script")
}

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response<Vec<u8>> {
    exchange(server.url(), "GET", path, headers, Vec::new()).await
}

fn header<'a>(answer: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_the_app_whatever_page_of_it_they_open() {
    let server = TestServer::start().await;
    for path in [
        "/",
        "/setup",
        "/join",
        "/signin",
        "/c/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/people/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/admin/roles",
        "/settings?section=devices",
        "/what-nobody-thought-of/%E6%B8%AF",
    ] {
        let answer = get(&server, path, &[HTML]).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-cache", "{path}");
        assert!(*answer.body() == built(APP), "{path} is the app");
    }
    let program = get(&server, "/", &[("accept", "*/*")]).await;
    assert_eq!(program.status(), 200, "the first page is for everybody");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_is_not_answered_with_one() {
    let server = TestServer::start().await;
    for (path, accept) in [
        ("/v1", HTML.1),
        ("/v1/nothing", HTML.1),
        ("/assets/gone-0000.js", HTML.1),
        ("/assets/", HTML.1),
        ("/setup", "application/json"),
        ("/nowhere", "*/*"),
        ("/index.html.br", "*/*"),
        ("/index.html.gz", "*/*"),
        ("/../package.json", "*/*"),
        ("/assets/../../package.json", "*/*"),
        ("//etc/passwd", "*/*"),
        ("/..%2fpackage.json", "*/*"),
        ("/assets/../index.html", "*/*"),
        // A debug build looks at the disk, and these are links on many.
        ("/../node_modules/.bin/vite", "*/*"),
        ("/../../node_modules/.bin/vite", "*/*"),
        ("/\\etc\\os-release", "*/*"),
        ("/\\etc\\mtab", "*/*"),
    ] {
        let answer = get(&server, path, &[("accept", accept)]).await;
        assert_eq!(answer.status(), 404, "{path} for {accept}");
        assert_eq!(header(&answer, "content-type"), "application/json", "{path}");
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = exchange(server.url(), method, "/setup", &[HTML], Vec::new()).await;
        assert_eq!(answer.status(), 404, "{method}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_loads_has_its_type_and_is_never_asked_for_twice() {
    let server = TestServer::start().await;
    let parts = parts();
    assert!(parts.iter().any(|part| part.ends_with(".css")), "{parts:?}");
    for part in &parts {
        let kind = match part.rsplit_once('.').expect("a file with an ending").1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "webmanifest" => "application/manifest+json",
            other => panic!("the page loads a .{other}: say here what it must be"),
        };
        let answer = get(&server, part, &[]).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (200, kind));
        let kept = part.starts_with("/assets/");
        let cache = if kept { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(header(&answer, "cache-control"), cache, "{part}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{part}");
        assert!(*answer.body() == built(part.trim_start_matches('/')), "{part}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_understands_compression_gets_the_smallest_form() {
    let server = TestServer::start().await;
    let script = script();
    let plain = built(script.trim_start_matches('/'));
    for (accepted, encoding, end) in [
        ("gzip, deflate, br, zstd", "br", ".br"),
        ("gzip, deflate", "gzip", ".gz"),
        ("br;q=0, gzip;q=0.5", "gzip", ".gz"),
        ("br;q=0,gzip;q=0", "", ""),
        ("brotli, gzipped", "", ""),
        ("identity", "", ""),
        ("", "", ""),
    ] {
        let answer = get(&server, &script, &[("accept-encoding", accepted)]).await;
        assert_eq!(header(&answer, "content-encoding"), encoding, "{accepted}");
        assert!(header(&answer, "vary").contains("accept-encoding"), "{accepted}");
        let expected = built(&format!("{}{end}", script.trim_start_matches('/')));
        assert!(*answer.body() == expected, "{accepted}");
        assert!(end.is_empty() || expected.len() < plain.len(), "{accepted} makes it smaller");
        assert_eq!(header(&answer, "content-type"), "text/javascript; charset=utf-8");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_browser_has_already_is_not_sent_again() {
    let server = TestServer::start().await;
    let script = script();
    let gzip = ("accept-encoding", "gzip");
    for path in ["/", "/people", &script] {
        let first = get(&server, path, &[HTML, gzip]).await;
        let etag = header(&first, "etag");
        assert!(etag.len() > 20 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        for tags in [etag, &format!("W/{etag}"), &format!("\"other\", {etag}")] {
            let again = get(&server, path, &[HTML, gzip, ("if-none-match", tags)]).await;
            assert_eq!((again.status().as_u16(), again.body().len()), (304, 0), "{tags}");
            for name in ["etag", "cache-control", "vary", "content-security-policy"] {
                assert_eq!(header(&again, name), header(&first, name), "{name}");
            }
        }
        for other in ["", "\"other\"", &etag[1..etag.len() - 1], &etag.to_uppercase()[..20]] {
            let again = get(&server, path, &[HTML, gzip, ("if-none-match", other)]).await;
            assert_eq!(again.status(), 200, "{other}");
        }
    }
    let tag = |answer: &Response<Vec<u8>>| header(answer, "etag").to_owned();
    let (plain, zipped) = (get(&server, &script, &[]).await, get(&server, &script, &[gzip]).await);
    assert_ne!(tag(&plain), tag(&zipped), "another form has another digest");
    let head = exchange(server.url(), "HEAD", &script, &[gzip], Vec::new()).await;
    assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
    assert_eq!(header(&head, "content-length"), zipped.body().len().to_string());
    assert_eq!(tag(&head), tag(&zipped));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_runs_and_loads_only_what_is_its_own() {
    let server = TestServer::start().await;
    let page = get(&server, "/", &[HTML]).await;
    let policy = header(&page, "content-security-policy");
    for rule in [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types service-worker",
    ] {
        assert!(policy.split("; ").any(|line| line == rule), "no {rule}: {policy}");
    }
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("set-cookie", ""),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(header(&page, name), value, "{name}");
    }
    let permissions = header(&page, "permissions-policy");
    for granted in ["camera=(self)", "microphone=(self)", "display-capture=(self)"] {
        assert!(permissions.split(", ").any(|one| one == granted), "{permissions}");
    }
    assert_eq!(permissions.matches("(self)").count(), 3, "and nothing else: {permissions}");
    let text = String::from_utf8(page.into_body()).unwrap();
    for inline in ["<style", "style=", "onload=", "onerror=", "javascript:", "<script>"] {
        assert!(!text.contains(inline), "the policy would refuse {inline}: {text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_in_messages_come_from_where_the_operator_allows() {
    for (from, allowed) in
        [(vec!["https://pictures.example.org"], " https://pictures.example.org"), (vec![], "")]
    {
        let sources = from.iter().map(|from| from.to_string().try_into().unwrap()).collect();
        let server = TestServer::with(|config| config.pictures_from = sources).await;
        let page = get(&server, "/", &[HTML]).await;
        let policy = header(&page, "content-security-policy");
        let images = policy.split("; ").find(|directive| directive.starts_with("img-src "));
        assert_eq!(images, Some(format!("img-src 'self' data: blob:{allowed}").as_str()));
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_lines_say_where_to_click() {
    let (new, demo) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(new.path());
    let server = Process::start(serve).await;
    let link = format!("{}/setup#cst_", server.url);
    let said = server.last_words();
    assert!(said.iter().any(|line| line.starts_with(&link)), "{said:?}");

    let mut serve = carillon();
    serve.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--data"]).arg(demo.path());
    let server = Process::start(serve).await;
    let (first, second) = (server.url.clone(), server.url.replace("127.0.0.1", "localhost"));
    for url in [&first, &second] {
        let host = url.strip_prefix("http://").unwrap();
        let answer = exchange(&first, "GET", "/", &[HTML, ("host", host)], Vec::new()).await;
        assert_eq!(answer.status(), 200, "{host}");
    }
    let said = server.last_words();
    assert!(said.contains(&first) && said.contains(&second), "{said:?}");
}
