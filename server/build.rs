//! A release has the web app in itself, so there must be one. A debug build reads it from the disk
//! when it is asked for.

use std::{env, fs, path::Path};

/// Where the app is built, as in `src/http/web.rs`.
const BUILT: &str = "../client-sdk/web/dist";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={BUILT}");
        if !Path::new(BUILT).join("index.html").is_file() {
            println!("cargo::error=the web app is not built: run `make web`");
        }
    } else if let Err(error) = fs::create_dir_all(BUILT) {
        // Where the folder is gets fixed now; what is in it may come later.
        println!("cargo::error=the folder {BUILT} cannot be made: {error}");
    }
}
