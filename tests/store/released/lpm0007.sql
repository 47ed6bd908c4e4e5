BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('lpm0007');
CREATE TABLE events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at DOUBLE NOT NULL, 
	level VARCHAR(16) NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	message TEXT NOT NULL, 
	system VARCHAR(63) NOT NULL, 
	partition TEXT NOT NULL, 
	migration_id VARCHAR(64) NOT NULL
, checksum BIGINT DEFAULT '0' NOT NULL);
INSERT INTO "events" VALUES(1,1000.0,'info','migration-begun','Moving ''web1'' from s2 to s1 (active).','s2','web1','m1',2880865729);
INSERT INTO "events" VALUES(2,9.0,'error','told','What – ü','s1','web1','m1',2716315454);
INSERT INTO "events" VALUES(3,1000.0,'info','migration-begun','Moving ''web1'' from s1 to s2 (active).','s1','web1','m2',3654147577);
CREATE TABLE leadership (
	id INTEGER NOT NULL, 
	epoch BIGINT NOT NULL, 
	since DOUBLE NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, writes BIGINT DEFAULT '0' NOT NULL, layout VARCHAR(64) DEFAULT '' NOT NULL, holder TEXT DEFAULT '' NOT NULL, valid_until DOUBLE DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "leadership" VALUES(1,1,1000.0,3247482355,7,'1ed69ccbd6bad726d2841962bb2060c395ddb3e0635e968c08dc5c750609ff08','',0.0);
CREATE TABLE migrations (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(64) NOT NULL, 
	partition_uuid VARCHAR(36) NOT NULL, 
	partition TEXT NOT NULL, 
	source VARCHAR(63) NOT NULL, 
	target VARCHAR(63) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	asked BOOLEAN NOT NULL, 
	halt VARCHAR(16) NOT NULL, 
	throttled BOOLEAN NOT NULL, 
	leased BOOLEAN NOT NULL, 
	demand JSON NOT NULL, 
	policy JSON NOT NULL, 
	is_return BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	finished_at DOUBLE, 
	phase_at JSON NOT NULL, 
	figures JSON NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, retaking BOOLEAN DEFAULT 0 NOT NULL, gone VARCHAR(63) DEFAULT '' NOT NULL, switched BOOLEAN DEFAULT 0 NOT NULL, copies JSON DEFAULT '[]' NOT NULL, keep_disks BOOLEAN DEFAULT 0 NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "migrations" VALUES(1,'m1','6f9619ff-8b86-4d11-b42d-00c04fc964ff','web1','s2','s1','active','done',1,'none',1,1,'{"processing_units": 0.5, "memory_mib": 512}','{"max_pause_ms": 77, "throttle": false, "bandwidth_mib_s": 9, "postcopy": false}',1,'because – ü',1.5,2.5,'[["send", 1.75], ["done", 2.5]]','{"pause_ms": 42, "total_s": 1.0, "bytes_sent": 3, "iterations": 4, "phase_s": [["send", 0.75]]}',3683500535,0,'',0,'[]',0);
INSERT INTO "migrations" VALUES(2,'m2','6f9619ff-8b86-4d11-b42d-00c04fc964ff','web1','s1','s2','active','send',1,'none',0,0,'{"processing_units": 0.5, "memory_mib": 512}','{"max_pause_ms": 2000, "throttle": true, "bandwidth_mib_s": 0, "postcopy": false}',0,'',3.0,NULL,'[["send", 3.5]]','{"pause_ms": null, "total_s": null, "bytes_sent": null, "iterations": null, "phase_s": []}',3490273956,0,'',0,'[]',0);
CREATE TABLE reservations (
	migration_id VARCHAR(64) NOT NULL, 
	system VARCHAR(63) NOT NULL, 
	partition_uuid VARCHAR(36) NOT NULL, 
	partition TEXT NOT NULL, 
	processing_units DOUBLE NOT NULL, 
	memory_mib BIGINT NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (migration_id), 
	FOREIGN KEY(migration_id) REFERENCES migrations (id)
);
INSERT INTO "reservations" VALUES('m2','s2','6f9619ff-8b86-4d11-b42d-00c04fc964ff','web1',0.5,512,974409835);
CREATE TABLE seen_partitions (
	system VARCHAR(63) NOT NULL, 
	uuid VARCHAR(36) NOT NULL, 
	name TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	why VARCHAR(16) NOT NULL, 
	processors INTEGER NOT NULL, 
	memory_mib BIGINT NOT NULL, 
	mark JSON, 
	rmc VARCHAR(16) NOT NULL, 
	seen_at DOUBLE NOT NULL, checksum BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (system, uuid), 
	FOREIGN KEY(system) REFERENCES systems (name) ON DELETE CASCADE
);
INSERT INTO "seen_partitions" VALUES('s1','6f9619ff-8b86-4d11-b42d-00c04fc964ff','web1','running','none',2,512,'{"partition_id": 3, "os_type": "linux", "processing_units": 0.25, "came_from": "s2", "policy": {"max_pause_ms": 77, "throttle": false, "bandwidth_mib_s": 9, "postcopy": false}}','active',5.5,567981817);
INSERT INTO "seen_partitions" VALUES('s1','uuid-2','zäh – ü','off','migrated',1,256,NULL,'none',5.5,4126492106);
CREATE TABLE systems (
	name VARCHAR(63) NOT NULL, 
	uri TEXT NOT NULL, 
	peer_uri TEXT NOT NULL, 
	chassis VARCHAR(63) NOT NULL, 
	mover JSON NOT NULL, 
	processors DOUBLE, 
	memory_mib BIGINT, checksum BIGINT DEFAULT '0' NOT NULL, insecure BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "systems" VALUES('s1','qemu+ssh://root@s1/system','qemu+tls://s1/system','rack1','{"address": "", "bandwidth_mib_s": 0, "concurrent": 4}',NULL,NULL,536932688,0);
INSERT INTO "systems" VALUES('s2','qemu+tls://s2/system','qemu+tls://s2/system','','{"address": "10.0.0.2", "bandwidth_mib_s": 100, "concurrent": 2}',1.5,4096,3874395678,0);
CREATE UNIQUE INDEX one_unfinished_move ON migrations (partition_uuid) WHERE phase NOT IN ('done', 'failed', 'stopped');
CREATE INDEX ix_reservations_system ON reservations (system);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('migrations',2);
INSERT INTO "sqlite_sequence" VALUES('events',3);
COMMIT;
