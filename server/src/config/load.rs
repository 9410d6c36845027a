//! Where the values come from, and what is said when one cannot be taken.

use std::{collections::BTreeMap, fmt, fs, io, path::PathBuf};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Config, plugins, print::expected};

/// What the environment variables of the settings begin with.
const ENV_PREFIX: &str = "CARILLON_";
/// The variable that names the file, if no flag does.
const ENV_FILE: &str = "CARILLON_CONFIG";
/// Variables that begin so too but are not settings: the last three are for client programs and for
/// plugins that run apart.
const ENV_OTHERS: [&str; 4] =
    [ENV_FILE, "CARILLON_TOKEN", "CARILLON_URL", crate::apart::TOKEN_VARIABLE];
/// Settings that may have a password in them: no error repeats their values.
const SECRET: [&str; 3] = ["database", "redis", "rooms.relay_secret"];
/// How alike a known key must be to be worth naming, from 0 to 1.
const LIKENESS_MIN: f64 = 0.7;

/// What a configuration is put together from, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those without the prefix are passed over.
    pub env: Vec<(String, String)>,
    /// `("limits.writes_per_s", "50")`: the key of the setting and its value.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The file and flags from the command line with this process's environment, which names the
    /// file if the command line does not.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Sources {
        let file = file.or_else(|| std::env::var_os(ENV_FILE).map(PathBuf::from));
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Sources { file, env, flags }
    }
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody has set it.
    Default,
    /// The file.
    File {
        /// Which.
        path: PathBuf,
        /// The line of the key, counted from 1.
        line: usize,
    },
    /// The environment variable of this name.
    Env(String),
    /// The flag of this name, which is the key of the setting.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Source::Env(name) => write!(f, "environment variable {name}"),
            Source::Flag(key) => write!(f, "flag --{key}"),
        }
    }
}

/// For each setting, where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Source>);

impl Origins {
    /// Where the value of this setting comes from.
    pub fn of(&self, key: &str) -> &Source {
        self.0.get(key).unwrap_or(&Source::Default)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: not TOML: {why}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Where in the file, counted from 1.
        line: usize,
        /// What the parser says.
        why: String,
    },
    /// There is no such setting.
    #[error("{source_}: there is no setting `{key}`{}", did_you_mean(nearest))]
    Unknown {
        /// The key as it was written, in the form of the file.
        key: String,
        /// Where it stands.
        source_: Source,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// The value does not fit.
    #[error("{source_}: `{key}` cannot be {value}: expected {expected}")]
    BadValue {
        /// The setting.
        key: String,
        /// Where the value stands.
        source_: Source,
        /// The value, unless it may have a password in it.
        value: String,
        /// What would fit.
        expected: String,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

impl Config {
    /// Puts the configuration together. Every value is tried by itself, so that the error names
    /// the one that does not fit and where it stands.
    ///
    /// # Errors
    /// [`ConfigError`], a sentence for the person who wrote the setting.
    pub fn load(sources: &Sources) -> Result<(Config, Origins), ConfigError> {
        let mut loading = Loading::new();
        if let Some(path) = &sources.file {
            loading.file(path.clone())?;
        }
        for (name, value) in &sources.env {
            let key = match name.strip_prefix(ENV_PREFIX) {
                Some(rest) if !ENV_OTHERS.contains(&name.as_str()) => rest,
                _ => continue,
            };
            let key = key.to_ascii_lowercase().replace("__", ".");
            let value = loading.read_text(&key, value);
            loading.set(key, value, Source::Env(name.clone()))?;
        }
        for (key, value) in &sources.flags {
            let value = loading.read_text(key, value);
            loading.set(key.clone(), value, Source::Flag(key.clone()))?;
        }
        Ok((loading.config, Origins(loading.origins)))
    }

    /// The keys of all settings: first those outside a section, then section by section.
    pub fn keys() -> Vec<String> {
        let mut keys = Vec::new();
        leaves(&tree(&Config::default()), "", &mut keys);
        keys.sort_by_key(|key| key.rsplit_once('.').map(|(section, _)| section.to_owned()));
        keys
    }
}

/// The settings as a tree: tables for sections, the values at its leaves.
pub(super) fn tree(config: &Config) -> Value {
    serde_json::to_value(config).expect("the settings are JSON")
}

/// Every leaf of the tree is a setting: lists are values, tables are sections.
fn leaves(value: &Value, path: &str, keys: &mut Vec<String>) {
    match value {
        Value::Object(section) => {
            section.iter().for_each(|(name, value)| leaves(value, &join(path, name), keys));
        }
        _ => keys.push(path.to_owned()),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A configuration that is being put together.
struct Loading {
    keys: Vec<String>,
    tree: Value,
    config: Config,
    origins: BTreeMap<String, Source>,
}

impl Loading {
    fn new() -> Loading {
        let config = Config::default();
        let (tree, keys) = (tree(&config), Config::keys());
        Loading { keys, tree, config, origins: BTreeMap::new() }
    }

    fn file(&mut self, path: PathBuf) -> Result<(), ConfigError> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) => return Err(ConfigError::Unreadable { path, why }),
        };
        let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let table = DeTable::parse(&text).map_err(|error| ConfigError::NotToml {
            path: path.clone(),
            line: line_of(error.span().map_or(0, |span| span.start)),
            why: error.message().to_owned(),
        })?;
        let mut found = Vec::new();
        entries(table.get_ref(), "", &mut found);
        for (key, value, at) in found {
            self.set(key, value, Source::File { path: path.clone(), line: line_of(at) })?;
        }
        Ok(())
    }

    /// A value written as plain text, in the type of the default: variables and flags have none.
    fn read_text(&self, key: &str, text: &str) -> Value {
        let default = self.tree.pointer(&pointer(key));
        let parsed = match default {
            Some(Value::Null) if text.is_empty() => Some(Value::Null),
            Some(Value::Array(_)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(Value::from).collect())
            }
            Some(Value::Number(_)) => text.parse::<u64>().ok().map(Value::from),
            Some(Value::Bool(_)) => text.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        parsed.unwrap_or_else(|| Value::from(text))
    }

    fn set(&mut self, key: String, value: Value, source: Source) -> Result<(), ConfigError> {
        match plugins::named(&key) {
            Some(name) => self.tree["plugins"][name]["run"] = Value::Null,
            None if self.keys.contains(&key) => {}
            None => return Err(self.not_a_setting(key, value, source)),
        }
        let slot = self.tree.pointer_mut(&pointer(&key)).expect("every key is in the tree");
        let shown = match SECRET.contains(&key.as_str()) {
            true => "this value".to_owned(),
            false => value.to_string(),
        };
        *slot = value;
        match serde_json::from_value(self.tree.clone()) {
            Ok(config) => self.config = config,
            Err(_) => {
                let expected = expected(&key);
                return Err(ConfigError::BadValue { key, source_: source, value: shown, expected });
            }
        }
        self.origins.insert(key, source);
        Ok(())
    }

    fn not_a_setting(&self, key: String, value: Value, source_: Source) -> ConfigError {
        let (section, of_plugin) = (format!("{key}."), plugins::like(&key));
        let known = self.keys.iter().chain([&of_plugin]);
        if let Some(inside) = known.clone().find(|known| known.starts_with(&section)) {
            let expected = format!("a section with settings like `{inside}`");
            return ConfigError::BadValue { key, source_, value: value.to_string(), expected };
        }
        let likeness = |known: &&String| strsim::jaro_winkler(known, &key);
        let nearest = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|known| likeness(known) >= LIKENESS_MIN).cloned();
        ConfigError::Unknown { key, source_, nearest }
    }
}

/// The address of a setting in the tree, as JSON pointers write it.
pub(super) fn pointer(key: &str) -> String {
    format!("/{}", key.replace('.', "/"))
}

/// The settings of a file with the place of each key.
fn entries(table: &DeTable<'_>, path: &str, found: &mut Vec<(String, Value, usize)>) {
    for (name, value) in table {
        let key = join(path, name.get_ref());
        match value.get_ref() {
            DeValue::Table(section) => entries(section, &key, found),
            value => found.push((key, json(value), name.span().start)),
        }
    }
}

/// A value of a file. A date is the text it is written as; no setting is one.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(&**text),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(int) => {
            let parsed = i64::from_str_radix(int.as_str(), int.radix());
            parsed.map_or_else(|_| Value::from(int.as_str()), Value::from)
        }
        DeValue::Float(float) => {
            float.as_str().parse::<f64>().map_or_else(|_| Value::from(float.as_str()), Value::from)
        }
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(section) => {
            section.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect()
        }
        DeValue::Datetime(time) => Value::from(time.to_string()),
    }
}
