"""What each server's libvirt finds under /etc: its daemons' settings, its network, its pool.

Networks and pools are plain files with an `autostart` link, so libvirtd has both active when it
answers for the first time.
"""

from openlpm.lab.cgroups import CONTROLLERS
from openlpm.lab.plan import address

GUEST_NETWORK = "guest"
LEASE_POOL = "openlpm-leases"
LOCAL_POOL = "local"
# On every server the same folder of the lab. `<lease>` names the two parts apart.
LEASE_FOLDER = "/var/lib/libvirt/leases"
LOCKSPACE = "openlpm"
# Both libvirtd's and QEMU's certificates: they call the files by different names.
PKI_FOLDER = "/etc/libvirt/pki"
# A peer that does not answer is given up after interval * (count + 1) seconds.
_KEEPALIVE = "keepalive_interval = 2\nkeepalive_count = 3\n"


def libvirtd(host_uuid: str, *, insecure: bool) -> str:
    """On all addresses: partitions' bridge has none. Who has a certificate of the lab's, may."""
    listen = "listen_tls = 0\nlisten_tcp = 1\n" if insecure else "listen_tls = 1\nlisten_tcp = 0\n"
    return (
        f"{listen}"
        'listen_addr = "0.0.0.0"\n'
        'auth_tls = "none"\nauth_tcp = "none"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n'
        f'ca_file = "{PKI_FOLDER}/cacert.pem"\n'
        f'cert_file = "{PKI_FOLDER}/servercert.pem"\nkey_file = "{PKI_FOLDER}/serverkey.pem"\n'
        f'host_uuid = "{host_uuid}"\n'
        'log_outputs = "3:stderr"\nlog_level = 3\n' + _KEEPALIVE
    )


def qemu(server: int, *, divides: bool) -> str:
    """No confinement (the namespaces confine), leases on, peers found dead in seconds.

    `divides`: libvirt may give partitions their processor time by control groups.
    """
    migration = address("migration", server)
    controllers = ", ".join(f'"{one}"' for one in CONTROLLERS) if divides else ""
    return (
        'security_driver = "none"\nuser = "root"\ngroup = "root"\n'
        "remember_owner = 0\ndynamic_ownership = 0\n"
        f"namespaces = []\ncgroup_controllers = [{controllers}]\n"
        'lock_manager = "lockd"\nstdio_handler = "logd"\n'
        f'migration_address = "{migration}"\nmigration_host = "{migration}"\n'
        # Both ends of a transfer prove who they are, not only the one that is called.
        f'migrate_tls_x509_cert_dir = "{PKI_FOLDER}"\nmigrate_tls_x509_verify = 1\n' + _KEEPALIVE
    )


def leases() -> str:
    """File and block disks are leased of themselves; network disks need a `<lease>`."""
    return f'auto_disk_leases = 1\nfile_lockspace_dir = "{LEASE_FOLDER}/{LOCKSPACE}"\n'


def guest_network(uuid: str) -> str:
    """Partitions plug into the server's bridge, which is one with the hub's."""
    return (
        f"<network><name>{GUEST_NETWORK}</name><uuid>{uuid}</uuid>"
        f"<forward mode='bridge'/><bridge name='guest'/></network>\n"
    )


def lease_pool(uuid: str) -> str:
    """The lockspace as a pool: lease files can be made through libvirt, as volumes."""
    return (
        f"<pool type='dir'><name>{LEASE_POOL}</name><uuid>{uuid}</uuid>"
        f"<target><path>{LEASE_FOLDER}/{LOCKSPACE}</path></target></pool>\n"
    )


def local_pool(uuid: str) -> str:
    """A folder of the server's own: partitions with a disk in it cannot move."""
    return (
        f"<pool type='dir'><name>{LOCAL_POOL}</name><uuid>{uuid}</uuid>"
        "<target><path>/var/lib/libvirt/images</path></target></pool>\n"
    )


def hosts(servers: int) -> str:
    """The servers know each other's names; s2 is its address on the migration network."""
    lines = ["127.0.0.1 localhost\n"]
    lines += [f"{address('migration', number)} s{number}\n" for number in range(1, servers + 1)]
    return "".join(lines)
