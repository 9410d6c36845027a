-- What everybody asks for, in a company of 20,000: how many there are, who left, and the live ones
-- among the sessions that somebody ever had.
CREATE INDEX directory_user_here ON directory_user (org, id) WHERE app = 0 AND left_at IS NULL;
CREATE INDEX directory_user_left ON directory_user (org, id) WHERE left_at IS NOT NULL;
CREATE INDEX directory_session_live ON directory_session (user_id, id) WHERE ended_at IS NULL;
DROP INDEX directory_session_user;
