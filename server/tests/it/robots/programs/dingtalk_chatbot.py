"""Posts one message of each kind: dingtalk_chatbot.py ADDRESS SECRET."""

import sys

from dingtalkchatbot.chatbot import ActionCard, CardItem, DingtalkChatbot, FeedLink

robot = DingtalkChatbot(sys.argv[1], secret=sys.argv[2])
button = CardItem(title="Look", url="http://a.example/?q=1&r=2")
answers = [
    robot.send_text(msg="磁盘 95%", at_mobiles=["13800000000"]),
    robot.send_image(pic_url="http://a.example/p.png"),
    robot.send_link(title="T", text="more", message_url="http://a.example/"),
    robot.send_markdown(title="T", text="#### h\n[l](http://a.example/)"),
    robot.send_action_card(ActionCard(title="T", text="x", btns=[button])),
    robot.send_feed_card([FeedLink("one", "http://a.example/1", "http://a.example/p.png")]),
]
for answer in answers:
    assert answer == {"errcode": 0, "errmsg": "ok"}, answer
