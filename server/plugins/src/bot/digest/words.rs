//! What digests say, in the organisation's language.

use std::borrow::Cow;

use carillon_protocol::{
    digest::Span,
    schedule::{Stopped, Why},
};

/// The words of a language.
#[derive(Debug)]
pub(in crate::bot) struct Words {
    /// Nothing happened in the period.
    pub(super) nothing: &'static str,
    /// To whoever put a schedule: it has stopped in another group.
    pub(in crate::bot) elsewhere: &'static str,
    /// Before the number of the period before.
    pub(super) before: &'static str,
    missing: [&'static str; 3],
    spans: [&'static str; 4],
    stopped: [&'static str; 3],
    facts: [&'static str; 17],
}

/// The facts that have a name in each language, in the order of [`Words::facts`].
const FACTS: [&str; 17] = [
    "chat.messages",
    "chat.active",
    "chat.read_1h",
    "chat.read_24h",
    "chat.waiting",
    "chat.unread",
    "ding.sent",
    "ding.confirmed",
    "ding.median_confirm_ms",
    "room.meetings",
    "room.minutes",
    "room.all_meetings",
    "room.all_minutes",
    "org.people",
    "chat.conversations",
    "ding.sent_about",
    "ding.confirmed_about",
];

impl Words {
    /// The words of a language; English if it has none.
    pub(in crate::bot) fn of(locale: &str) -> &'static Words {
        match locale {
            "zh-HK" => &ZH_HK,
            "zh-CN" => &ZH_CN,
            _ => &EN,
        }
    }

    /// What a fact is called: its name, if there is no word for it.
    pub(super) fn fact<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match FACTS.iter().position(|known| *known == name) {
            Some(place) => Cow::Borrowed(self.facts[place]),
            None => Cow::Borrowed(name),
        }
    }

    /// What a period is called.
    pub(super) fn span(&self, span: Span) -> &'static str {
        let [yesterday, days, week, month] = self.spans;
        match span {
            Span::Yesterday => yesterday,
            Span::Last7Days => days,
            Span::LastWeek => week,
            Span::Month => month,
        }
    }

    /// Why a part is missing.
    pub(super) fn missing(&self, why: Why) -> &'static str {
        let [unknown, slow, failed] = self.missing;
        match why {
            Why::Unknown => unknown,
            Why::Slow => slow,
            Why::Failed => failed,
        }
    }

    /// Why a schedule posts nothing any more.
    pub(in crate::bot) fn stopped(&self, why: Stopped) -> &'static str {
        let [denied, conversation, refused] = self.stopped;
        match why {
            Stopped::Denied => denied,
            Stopped::Conversation => conversation,
            Stopped::Refused => refused,
        }
    }
}

static EN: Words = Words {
    nothing: "none",
    elsewhere: "This schedule has stopped in one of its other groups. Its list of groups says \
                where and why; set it up again to go on.",
    before: "before: ",
    missing: [
        "not available on this server",
        "missing this time: finding it out took too long",
        "missing this time: it could not be found out",
    ],
    spans: ["yesterday", "last 7 days", "last week", "last month"],
    stopped: [
        "This schedule has stopped: whoever set it up may no longer see what it reports. Set it up \
         again to go on.",
        "This schedule has stopped: this group takes nothing from the robot any more.",
        "This schedule has stopped: what it says cannot be posted. Set it up again to go on.",
    ],
    facts: [
        "Messages",
        "Active people",
        "Read within 1 hour",
        "Read within 24 hours",
        "Waiting for an answer",
        "Unread after 24 hours",
        "DINGs sent",
        "DINGs confirmed",
        "Median time to confirm",
        "Meetings",
        "Minutes in meetings",
        "Meetings of the organisation",
        "Minutes in meetings of the organisation",
        "People",
        "Conversations",
        "DINGs about messages here",
        "Confirmed DINGs about messages here",
    ],
};

static ZH_HK: Words = Words {
    nothing: "沒有",
    elsewhere: "此排程已在另一個群組停止。排程的群組清單列明是哪一個及原因；重新設定即可繼續。",
    before: "之前：",
    missing: ["此伺服器未提供這項資料", "今次欠缺：取得資料需時太長", "今次欠缺：未能取得資料"],
    spans: ["昨日", "過去 7 日", "上星期", "上個月"],
    stopped: [
        "此排程已停止：設定者已無權查看所匯報的資料。重新設定即可繼續。",
        "此排程已停止：此群組不再接收機械人的訊息。",
        "此排程已停止：內容無法發送。重新設定即可繼續。",
    ],
    facts: [
        "訊息",
        "活躍成員",
        "1 小時內已讀",
        "24 小時內已讀",
        "等候回覆",
        "24 小時後仍未讀",
        "已發出的 DING",
        "已確認的 DING",
        "確認時間中位數",
        "會議",
        "會議分鐘",
        "全公司會議",
        "全公司會議分鐘",
        "人數",
        "對話",
        "關於此群組訊息的 DING",
        "關於此群組訊息、已確認的 DING",
    ],
};

static ZH_CN: Words = Words {
    nothing: "没有",
    elsewhere: "此定时任务已在另一个群组停止。任务的群组列表写明是哪一个及原因；重新设置即可继续。",
    before: "之前：",
    missing: ["此服务器未提供这项数据", "本次缺少：获取数据用时过长", "本次缺少：未能获取数据"],
    spans: ["昨天", "过去 7 天", "上周", "上个月"],
    stopped: [
        "此定时任务已停止：设置者已无权查看所汇报的数据。重新设置即可继续。",
        "此定时任务已停止：此群组不再接收机器人的消息。",
        "此定时任务已停止：内容无法发送。重新设置即可继续。",
    ],
    facts: [
        "消息",
        "活跃成员",
        "1 小时内已读",
        "24 小时内已读",
        "等待回复",
        "24 小时后仍未读",
        "已发出的 DING",
        "已确认的 DING",
        "确认时间中位数",
        "会议",
        "会议分钟",
        "全公司会议",
        "全公司会议分钟",
        "人数",
        "对话",
        "关于本群消息的 DING",
        "关于本群消息、已确认的 DING",
    ],
};
