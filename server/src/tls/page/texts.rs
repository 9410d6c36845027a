//! The words of the page, in three languages. A language that lacks a text does not compile.

/// The page in one language.
pub(super) struct Texts {
    /// The language, as browsers name it.
    pub lang: &'static str,
    /// Its name in its own words.
    pub language: &'static str,
    pub title: &'static str,
    /// What it is good for.
    pub why: &'static str,
    /// For who opened the page in a chat program, whose browser saves no files.
    pub wechat: &'static str,
    pub steps: [Steps; 3],
    /// What to do when it is installed.
    pub then: &'static str,
    pub open: &'static str,
    /// How to be sure that it is the right one.
    pub compare: &'static str,
    /// How others come here.
    pub share: &'static str,
}

/// What to do on one kind of device.
pub(super) struct Steps {
    pub device: &'static str,
    /// What stands in the names of its browsers.
    pub agents: &'static [&'static str],
    /// What comes before the download.
    pub first: &'static [&'static str],
    pub download: &'static str,
    /// What the download is.
    pub file: &'static str,
    /// The steps after it.
    pub then: &'static [&'static str],
}

/// Every language, the one of most people here first.
pub(super) static ALL: [Texts; 3] = [
    Texts {
        lang: "zh-HK",
        language: "廣東話",
        title: "安裝公司證書",
        why: "公司嘅 Carillon 係喺自己嘅電腦度運行。裝一次呢張證書，部機就認得真係公司嗰部電腦，\
              之後先可以用鏡頭、通知同埋免密碼登入。",
        wechat: "你而家喺微信入面。請撳右上角「⋯」，揀「在瀏覽器打開」，再跟住做。",
        steps: [
            Steps {
                device: "iPhone / iPad",
                agents: &["iPhone", "iPad"],
                first: &["用 Safari 打開呢一頁。"],
                download: "下載 iPhone 描述檔",
                file: "/ca.mobileconfig",
                then: &[
                    "彈出問題嗰陣，撳「允許」。",
                    "打開「設定」，撳最上面嘅「已下載描述檔」，再撳右上角「安裝」，入密碼，再撳「安裝」。",
                    "返去「設定」→「一般」→「關於本機」→ 最底嘅「憑證信任設定」，將「Carillon」個掣撳開。",
                ],
            },
            Steps {
                device: "Android",
                agents: &["Android"],
                first: &[],
                download: "下載證書",
                file: "/ca.crt",
                then: &[
                    "打開「設定」，喺上面搜尋「CA 憑證」（通常喺「安全性」→「加密與憑證」→「安裝憑證」）。",
                    "撳「CA 憑證」，再撳「仍要安裝」。",
                    "揀啱啱下載嘅「carillon-ca.crt」。",
                ],
            },
            Steps {
                device: "Windows",
                agents: &["Windows"],
                first: &[],
                download: "下載證書",
                file: "/ca.crt",
                then: &[
                    "打開下載咗嘅「carillon-ca.crt」，撳「安裝憑證」，揀「目前使用者」。",
                    "揀「將所有憑證放入以下的存放區」→「瀏覽」→「受信任的根憑證授權單位」。",
                    "撳「完成」，問你嗰陣撳「是」。",
                ],
            },
        ],
        then: "裝好之後，撳呢度開始用：",
        open: "打開 Carillon",
        compare: "想肯定冇俾人換咗？安裝之前，用呢組數字同公司伺服器畫面上嗰組對一對，要一模一樣：",
        share: "叫同事用手機鏡頭掃呢個碼，就會打開呢一頁。手機要連住公司 Wi-Fi。",
    },
    Texts {
        lang: "zh-CN",
        language: "简体中文",
        title: "安装公司证书",
        why: "公司的 Carillon 运行在自己的电脑上。安装一次这张证书，设备就能认出公司的那台电脑，\
              之后才能使用摄像头、通知和免密码登录。",
        wechat: "你正在微信里。请点右上角「⋯」，选择「在浏览器打开」，再继续。",
        steps: [
            Steps {
                device: "iPhone / iPad",
                agents: &["iPhone", "iPad"],
                first: &["请用 Safari 打开本页。"],
                download: "下载 iPhone 描述文件",
                file: "/ca.mobileconfig",
                then: &[
                    "弹出提示时，点「允许」。",
                    "打开「设置」，点最上面的「已下载描述文件」，点右上角「安装」，输入密码，再点「安装」。",
                    "回到「设置」→「通用」→「关于本机」→ 最下面的「证书信任设置」，打开「Carillon」。",
                ],
            },
            Steps {
                device: "Android",
                agents: &["Android"],
                first: &[],
                download: "下载证书",
                file: "/ca.crt",
                then: &[
                    "打开「设置」，在上方搜索「CA 证书」（通常在「安全」→「加密与凭据」→「安装证书」）。",
                    "点「CA 证书」，再点「仍然安装」。",
                    "选择刚下载的「carillon-ca.crt」。",
                ],
            },
            Steps {
                device: "Windows",
                agents: &["Windows"],
                first: &[],
                download: "下载证书",
                file: "/ca.crt",
                then: &[
                    "打开下载的「carillon-ca.crt」，点「安装证书」，选择「当前用户」。",
                    "选择「将所有的证书都放入下列存储」→「浏览」→「受信任的根证书颁发机构」。",
                    "点「完成」，出现询问时点「是」。",
                ],
            },
        ],
        then: "安装好之后，点这里开始使用：",
        open: "打开 Carillon",
        compare: "想确认证书没有被换过？安装之前，把这组数字和公司服务器屏幕上的那组对一对，必须完全一样：",
        share: "请同事用手机相机扫这个码，就会打开本页。手机要连着公司的 Wi-Fi。",
    },
    Texts {
        lang: "en",
        language: "English",
        title: "Install the company certificate",
        why: "Your company runs Carillon on a computer of its own. Install this certificate once, \
              and your device knows that it really talks to that computer. Only then do the \
              camera, notifications and sign-in without a password work.",
        wechat: "You are inside WeChat. Tap “⋯” at the top right, choose “Open in browser”, \
                 and go on there.",
        steps: [
            Steps {
                device: "iPhone / iPad",
                agents: &["iPhone", "iPad"],
                first: &["Open this page in Safari."],
                download: "Download the profile",
                file: "/ca.mobileconfig",
                then: &[
                    "When it asks, tap “Allow”.",
                    "Open Settings, tap “Profile Downloaded” at the top, then “Install” at the top \
                     right, enter your passcode, and tap “Install” again.",
                    "Go to Settings → General → About → “Certificate Trust Settings” at the \
                     bottom, and switch “Carillon” on.",
                ],
            },
            Steps {
                device: "Android",
                agents: &["Android"],
                first: &[],
                download: "Download the certificate",
                file: "/ca.crt",
                then: &[
                    "Open Settings and search for “CA certificate” (mostly Security → Encryption & \
                     credentials → Install a certificate).",
                    "Tap “CA certificate”, then “Install anyway”.",
                    "Choose “carillon-ca.crt”, which you have just downloaded.",
                ],
            },
            Steps {
                device: "Windows",
                agents: &["Windows"],
                first: &[],
                download: "Download the certificate",
                file: "/ca.crt",
                then: &[
                    "Open “carillon-ca.crt”, click “Install Certificate”, choose “Current User”.",
                    "Choose “Place all certificates in the following store” → Browse → “Trusted \
                     Root Certification Authorities”.",
                    "Click “Finish”, and “Yes” when it asks.",
                ],
            },
        ],
        then: "When it is installed, start here:",
        open: "Open Carillon",
        compare: "To be sure that nobody exchanged it: before you install it, compare these \
                  numbers with those on the screen of the company's server. They must be the same:",
        share: "A colleague who points a phone's camera at this code gets to this page. The phone \
                must be in the company's Wi-Fi.",
    },
];

impl Texts {
    /// The texts of a language by its name; nothing if there are none.
    pub(super) fn in_language(lang: &str) -> Option<&'static Texts> {
        let lang = lang.to_ascii_lowercase();
        let name = match lang.split('-').collect::<Vec<_>>().as_slice() {
            ["yue", ..] => "zh-HK",
            ["zh", rest @ ..] if rest.iter().any(|r| ["hant", "hk", "mo", "tw"].contains(r)) => {
                "zh-HK"
            }
            ["zh", ..] => "zh-CN",
            ["en", ..] => "en",
            _ => return None,
        };
        ALL.iter().find(|texts| texts.lang == name)
    }

    /// The texts that a browser likes best (`Accept-Language`); English if it knows none of them.
    pub(super) fn accepted(header: &str) -> &'static Texts {
        let mut wanted: Vec<(f32, &str)> = header
            .split(',')
            .map(|choice| {
                let (lang, weight) = choice.split_once(";q=").unwrap_or((choice, "1"));
                (weight.trim().parse().unwrap_or(0.0), lang.trim())
            })
            .collect();
        // Of equals the first stays first.
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let found = wanted.into_iter().find_map(|(_, lang)| Texts::in_language(lang));
        found.or_else(|| Texts::in_language("en")).expect("there is English")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text() {
        for texts in &ALL {
            let mut all = vec![
                texts.lang,
                texts.language,
                texts.title,
                texts.why,
                texts.wechat,
                texts.then,
                texts.open,
                texts.compare,
                texts.share,
            ];
            for (steps, first) in texts.steps.iter().zip(&ALL[0].steps) {
                assert_eq!((steps.file, steps.agents), (first.file, first.agents));
                let counts = |steps: &Steps| (steps.first.len(), steps.then.len());
                assert_eq!(counts(steps), counts(first), "{}", texts.lang);
                all.extend([steps.device, steps.download]);
                all.extend(steps.first.iter().chain(steps.then));
            }
            assert!(all.iter().all(|text| !text.trim().is_empty()), "{}", texts.lang);
        }
    }

    #[test]
    fn a_browser_gets_the_language_it_likes_best() {
        for (header, lang) in [
            ("zh-HK,zh;q=0.9,en;q=0.8", "zh-HK"),
            ("zh-Hant-TW", "zh-HK"),
            ("yue", "zh-HK"),
            ("zh-CN,zh;q=0.9", "zh-CN"),
            ("zh", "zh-CN"),
            ("en-GB", "en"),
            ("fr, de;q=0.8, zh-TW;q=0.5, en;q=0.1", "zh-HK"),
            ("en;q=0.1, zh-CN;q=0.5", "zh-CN"),
            ("fr", "en"),
            ("", "en"),
            (";;q=x,,", "en"),
        ] {
            assert_eq!(Texts::accepted(header).lang, lang, "{header}");
        }
    }
}
