-- Which servers may work with this schema. While servers are replaced one after the other, an older one that is started
-- again finds the schema of a newer one, and this says whether it may go on. One row: the last step of the schema, and the
-- oldest version whose servers work with it.
--
-- Every later step sets both: `UPDATE compatibility SET version = 5, oldest = 4`. One that earlier servers cannot work with,
-- or do harm to, sets `oldest` to its own number. If a step sets nothing, servers that do not know it are refused.
CREATE TABLE compatibility (
  id             integer PRIMARY KEY CHECK (id = 1),
  version        integer NOT NULL,
  oldest         integer NOT NULL CHECK (oldest <= version)
);
-- Servers of version 3 do not read this: one that runs goes on, and one that starts is refused.
INSERT INTO compatibility VALUES (1, 4, 3);
