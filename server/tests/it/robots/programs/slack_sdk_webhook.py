"""Posts a text, an attachment and blocks: slack_sdk_webhook.py ADDRESS."""

import sys

from slack_sdk.webhook import WebhookClient

client = WebhookClient(sys.argv[1])
facts = [{"title": "host", "value": "web-1", "short": True}]
attachment = {"color": "danger", "title": "Down", "text": "*now*", "fields": facts}
section = {"type": "section", "text": {"type": "mrkdwn", "text": "*hi* <http://a.example|there>"}}
for answer in [
    client.send(text="plain & simple"),
    client.send(attachments=[attachment]),
    client.send(text="for others", blocks=[section]),
]:
    assert (answer.status_code, answer.body) == (200, "ok"), answer.body
