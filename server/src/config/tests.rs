use std::path::PathBuf;

use super::{Config, ConfigError, LogFormat, LogLevel, Run, Source, Sources, Tls, print};

/// A configuration file in a folder that goes away with it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn from_file(text: &str) -> Result<Config, String> {
    let (_folder, path) = file(text);
    let sources = Sources { file: Some(path.clone()), ..Sources::default() };
    let folder = format!("{}/", path.parent().unwrap().display());
    Config::load(&sources).map(|(config, _)| config).map_err(|e| e.to_string().replace(&folder, ""))
}

fn from_env(name: &str, value: &str) -> Result<Config, String> {
    let env = vec![(name.to_owned(), value.to_owned())];
    let sources = Sources { env, ..Sources::default() };
    Config::load(&sources).map(|(config, _)| config).map_err(|e| e.to_string())
}

#[test]
fn without_sources_the_configuration_is_the_default() {
    let (config, origins) = Config::load(&Sources::default()).unwrap();
    assert_eq!(config, Config::default());
    for key in Config::keys() {
        assert_eq!(origins.of(&key), &Source::Default, "{key}");
    }
}

#[test]
fn flags_go_before_the_environment_and_the_environment_before_the_file() {
    let (_folder, path) = file("shards = 1\n[limits]\nwrites_per_s = 1\nreads_per_s = 1\n");
    let sources = Sources {
        file: Some(path.clone()),
        env: vec![
            ("CARILLON_LIMITS__WRITES_PER_S".into(), "2".into()),
            ("CARILLON_LIMITS__READS_PER_S".into(), "2".into()),
            ("HOME".into(), "is not ours".into()),
        ],
        flags: vec![("limits.reads_per_s".into(), "3".into())],
    };
    let (config, origins) = Config::load(&sources).unwrap();
    let limits = &config.limits;
    assert_eq!((config.shards, limits.writes_per_s.get(), limits.reads_per_s.get()), (1, 2, 3));
    assert_eq!(origins.of("shards"), &Source::File { path, line: 1 });
    let variable = Source::Env("CARILLON_LIMITS__WRITES_PER_S".into());
    assert_eq!(origins.of("limits.writes_per_s"), &variable);
    assert_eq!(origins.of("limits.reads_per_s"), &Source::Flag("limits.reads_per_s".into()));
    assert_eq!(origins.of("data"), &Source::Default);
}

#[test]
fn every_type_of_setting_can_come_from_the_environment() {
    let config = from_env("CARILLON_LISTEN", "[::1]:0").unwrap();
    assert_eq!(config.listen.to_string(), "[::1]:0");
    let config = from_env("CARILLON_ALLOWED_ORIGINS", "https://a.example, http://b:80/").unwrap();
    let origins: Vec<_> = config.allowed_origins.iter().map(|origin| origin.as_str()).collect();
    assert_eq!(origins, ["https://a.example", "http://b:80"]);
    let config = from_env("CARILLON_TRUSTED_PROXIES", "127.0.0.1, ::1").unwrap();
    assert_eq!(config.trusted_proxies.len(), 2);
    let config = from_env("CARILLON_PUBLIC_URL", "https://chat.example.org").unwrap();
    assert_eq!(config.public_url.unwrap().as_str(), "https://chat.example.org");
    assert_eq!(from_env("CARILLON_PUBLIC_URL", "").unwrap().public_url, None);
    assert_eq!(from_env("CARILLON_TLS", "self").unwrap().tls, Some(Tls::Own));
    let (cert, key) = ("a/chain.pem".into(), "b/key.pem".into());
    let files = from_env("CARILLON_TLS", "files:a/chain.pem, b/key.pem").unwrap();
    assert_eq!(files.tls, Some(Tls::Files { cert, key }));
    assert_eq!(from_env("CARILLON_TLS", "").unwrap().tls, None);
    assert_eq!(from_env("CARILLON_LOG__LEVEL", "debug").unwrap().log.level, LogLevel::Debug);
    assert_eq!(from_env("CARILLON_LOG__FORMAT", "json").unwrap().log.format, LogFormat::Json);
}

#[test]
fn variables_of_the_client_programs_are_not_settings() {
    for name in ["CARILLON_CONFIG", "CARILLON_TOKEN", "CARILLON_URL", "CARILLON_PLUGIN_TOKEN"] {
        assert_eq!(from_env(name, "anything"), Ok(Config::default()));
    }
}

#[test]
fn each_plugin_has_a_section_of_its_own() {
    let config = from_file("[plugins.poll]\nrun = \"off\"\n[plugins.a_b2]\n").unwrap();
    assert_eq!(config.plugins.len(), 1, "of the other nothing is said");
    assert_eq!(config.plugins["poll"].run, Run::Off);
    let config = from_env("CARILLON_PLUGINS__POLL__RUN", "remote").unwrap();
    assert_eq!(config.plugins["poll"].run, Run::Remote);
    for (text, message) in [
        (
            "[plugins.poll]\nrun = \"apart\"",
            "line 2: `plugins.poll.run` cannot be \"apart\": \
             expected \"local\", \"remote\" or \"off\"",
        ),
        (
            "plugins.poll = \"off\"",
            "line 1: `plugins.poll` cannot be \"off\": \
             expected a section with settings like `plugins.poll.run`",
        ),
        (
            "plugins.poll.rum = \"off\"",
            "line 1: there is no setting `plugins.poll.rum`; did you mean `plugins.poll.run`?",
        ),
        (
            "plugins.Poll.run = \"off\"",
            "line 1: there is no setting `plugins.Poll.run`; did you mean `plugins.poll.run`?",
        ),
    ] {
        assert_eq!(from_file(text).unwrap_err(), format!("server.toml, {message}"));
    }
}

#[test]
fn an_unknown_key_names_the_nearest_known_one_and_where_it_stands() {
    assert_eq!(
        from_file("shards = 1\n[limits]\nwrite_per_s = 5\n").unwrap_err(),
        "server.toml, line 3: there is no setting `limits.write_per_s`; \
         did you mean `limits.writes_per_s`?",
    );
    assert_eq!(
        from_env("CARILLON_LISTE", "x").unwrap_err(),
        "environment variable CARILLON_LISTE: there is no setting `liste`; did you mean `listen`?",
    );
    assert_eq!(
        from_file("qqq = 1\n").unwrap_err(),
        "server.toml, line 1: there is no setting `qqq`"
    );
}

#[test]
fn a_value_that_does_not_fit_names_the_setting_its_place_and_what_fits() {
    for (text, message) in [
        (
            "shards = \"many\"",
            "line 1: `shards` cannot be \"many\": expected a whole number from 0 to 255",
        ),
        ("shards = -1", "line 1: `shards` cannot be -1: expected a whole number from 0 to 255"),
        ("shards = 9000", "line 1: `shards` cannot be 9000: expected a whole number from 0 to 255"),
        ("data = 1", "line 1: `data` cannot be 1: expected text like \"data\""),
        ("listen = 8080", "line 1: `listen` cannot be 8080: expected text like \"127.0.0.1:8080\""),
        (
            "[limits]\nreads_per_s = 0",
            "line 2: `limits.reads_per_s` cannot be 0: expected a whole number from 1",
        ),
        (
            "public_url = \"chat.example.org\"",
            "line 1: `public_url` cannot be \"chat.example.org\": \
             expected text like \"https://chat.example.org\"",
        ),
        (
            "tls = \"files:chain.pem\"",
            "line 1: `tls` cannot be \"files:chain.pem\": \
             expected text like \"files:chain.pem,key.pem\"",
        ),
        (
            "allowed_origins = [\"https://a/b\"]",
            "line 1: `allowed_origins` cannot be [\"https://a/b\"]: \
             expected a list like [\"https://intranet.example.org\"]",
        ),
        (
            "[log]\nlevel = \"loud\"",
            "line 2: `log.level` cannot be \"loud\": \
             expected \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
        ),
        (
            "limits = 3",
            "line 1: `limits` cannot be 3: \
             expected a section with settings like `limits.connections_max`",
        ),
    ] {
        assert_eq!(from_file(text).unwrap_err(), format!("server.toml, {message}"));
    }
    assert_eq!(
        from_env("CARILLON_SHARDS", "two").unwrap_err(),
        "environment variable CARILLON_SHARDS: `shards` cannot be \"two\": \
         expected a whole number from 0 to 255",
    );
}

#[test]
fn a_value_that_may_have_a_password_in_it_is_not_repeated() {
    let error = from_env("CARILLON_DATABASE", "postgresql+psycopg://u:secret@db/c").unwrap_err();
    assert_eq!(
        error,
        "environment variable CARILLON_DATABASE: `database` cannot be this value: \
         expected text like \"postgres://carillon:secret@db.example.org/c\"",
    );
    let error = from_file("rooms.relay_secret = [\"hush\"]").unwrap_err();
    assert!(error.contains("`rooms.relay_secret` cannot be this value"), "{error}");
    for text in ["redis = \"http://:hush@cache\"", "redis = [\"redis://:hush@cache\"]"] {
        let error = from_file(text).unwrap_err();
        assert!(error.starts_with("server.toml, line 1: `redis` cannot be this value: expected"));
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_toml_says_so() {
    let missing = Sources { file: Some("no/such/server.toml".into()), ..Sources::default() };
    let error = Config::load(&missing).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
    let error = from_file("shards = 1\nlisten = \n").unwrap_err();
    assert!(error.starts_with("server.toml, line 2: not TOML: "), "{error}");
}

#[test]
fn the_commented_default_is_the_default() {
    let text = Config::commented_default();
    assert_eq!(from_file(&text), Ok(Config::default()));
    for key in Config::keys() {
        let name = key.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("\n{name} = ")) || text.contains(&format!("\n# {name} = ")));
    }
}

#[test]
fn the_examples_of_the_commented_default_fit_too() {
    let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ");
    let text = Config::commented_default();
    let examples: Vec<_> = text.lines().filter(is_setting).map(|line| &line[2..]).collect();
    assert_eq!(examples.len(), 16, "{examples:?}");
    // The last ones stand in their sections.
    let text = examples.join("\n").replace("\nroots", "\n[audit]\nroots");
    let text = text.replace("\naddresses", "\n[rooms]\naddresses");
    let text = text.replace("\nallow =", "\n[egress]\nallow =");
    let text = text.replace("\ncontact", "\n[notify]\ncontact");
    let config = from_file(&text.replace("\nrun", "\n[plugins.poll]\nrun")).unwrap();
    assert_eq!(config.plugins["poll"].run, Run::Remote);
    assert!(config.audit.roots.is_some() && config.rooms.relay_secret.is_some());
    assert_eq!((config.rooms.addresses.len(), config.rooms.relays.len()), (1, 1));
    assert_eq!((config.egress.allow.len(), config.egress.ports.len()), (1, 1));
    assert!(config.egress.authorities.is_some() && config.notify.contact.is_some());
    assert!(config.public_url.is_some() && config.tls.is_some() && config.node.is_some());
    assert!(config.database.is_some() && config.redis.is_some());
    assert_eq!((config.allowed_origins.len(), config.trusted_proxies.len()), (1, 1));
}

#[test]
fn every_setting_and_section_has_a_doc_comment() {
    for key in Config::keys() {
        assert!(print::describe(&key).len() > 15, "{key} has no doc comment");
        if let Some((section, _)) = key.rsplit_once('.') {
            assert!(print::describe(section).len() > 15, "[{section}] has no doc comment");
        }
    }
}

#[test]
fn the_explanation_names_every_setting_with_its_source() {
    let of_plugin = ("plugins.poll.run".to_owned(), "off".to_owned());
    let flags = vec![("listen".to_owned(), "127.0.0.1:0".to_owned()), of_plugin];
    let (config, origins) = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let text = config.explain(&origins);
    assert_eq!(text.lines().count(), Config::keys().len() + 1);
    let line = text.lines().find(|line| line.starts_with("listen")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>().join(" "),
        "listen = \"127.0.0.1:0\" # flag --listen"
    );
}
