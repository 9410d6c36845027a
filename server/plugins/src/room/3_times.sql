-- What began, and what had not ended, in a period: what has no end yet ends after everything.
CREATE INDEX room_meeting_started ON room_meeting (org, started_at);
CREATE INDEX room_meeting_ended ON room_meeting (org, (COALESCE(ended_at, 9223372036854775807)));
