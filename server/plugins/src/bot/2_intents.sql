-- The intent that a robot was made under, and a digest of what was asked: the same again is the same
-- robot.
ALTER TABLE bot_robot ADD COLUMN intent TEXT;
ALTER TABLE bot_robot ADD COLUMN asked TEXT;
CREATE UNIQUE INDEX bot_robot_intent ON bot_robot (made_by, intent);
