# Posts each working day at nine what happened in the robot's group on the day before.

import json, os, urllib.request

address = os.environ["CARILLON_URL"] + "/robot/schedule/put?access_token=" + os.environ["ROBOT_TOKEN"]
plan = {
    "schedule": "daily",
    "title": "Yesterday in this group",
    "cron": "0 9 * * 1-5",
    "says": {"kind": "digest", "digest": "group_yesterday"},
}
with urllib.request.urlopen(address, json.dumps(plan).encode()) as answer:
    print("next:", json.load(answer)["next"][0])
