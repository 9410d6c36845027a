-- What began, and what ended, in a period.
CREATE INDEX room_meeting_started ON room_meeting (org, started_at);
CREATE INDEX room_meeting_ended ON room_meeting (org, ended_at);
