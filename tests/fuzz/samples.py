"""XML as libvirt 9.0 and 11.3 write it, shortened: what the fuzz tests begin from."""

UUID = "7e57a903-970e-43cf-942c-0bf10e668fed"

_MARK = """<metadata><openlpm:partition xmlns:openlpm="urn:openlpm:partition:1" id="3" os="linux"
 units="0.5" came-from="s1"><openlpm:policy max-pause-ms="2000" throttle="yes"
 bandwidth-mib-s="0"/></openlpm:partition></metadata>"""

DOMAIN_9 = f"""<domain type='qemu' id='1' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
 <name>web1</name><uuid>{UUID}</uuid>{_MARK}
 <memory unit='KiB'>524288</memory><currentMemory unit='KiB'>524288</currentMemory>
 <memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>
 <vcpu placement='static' current='1'>2</vcpu><resource><partition>/machine</partition></resource>
 <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
 <features><acpi/><apic/></features>
 <cpu mode='custom' match='exact' check='full'><model fallback='forbid'>Nehalem</model>
  <feature policy='require' name='vme'/><feature policy='disable' name='svm'/></cpu>
 <clock offset='utc'/><on_poweroff>destroy</on_poweroff>
 <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
  <disk type='network' device='disk'><driver name='qemu' type='raw' cache='none' discard='unmap'/>
   <source protocol='nbd' name='web1' index='1'><host name='198.18.2.1' port='10809'/></source>
   <target dev='sda' bus='scsi'/><alias name='scsi0-0-0-0'/>
   <address type='drive' controller='0' bus='0' target='0' unit='0'/></disk>
  <disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/></disk>
  <disk type='volume' device='disk'><source pool='p' volume='v'/><target dev='vda'/></disk>
  <interface type='network'><mac address='52:54:00:00:01:02'/>
   <source network='guest' portid='{UUID}' bridge='guest'/><target dev='vnet0'/>
   <vlan><tag id='7'/></vlan><mtu size='1500'/><model type='virtio'/></interface>
  <hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x01' slot='0x02'
   function='0x3'/></source></hostdev>
  <serial type='pty'><source path='/dev/pts/1'/><target type='isa-serial' port='0'/></serial>
  <channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/x.agent'/>
   <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
  <lease><lockspace>openlpm</lockspace><key>{UUID}</key><target path='/leases/openlpm'/></lease>
  <filesystem type='mount'><source dir='/srv'/></filesystem>
 </devices>
 <qemu:commandline><qemu:arg value='-machine'/>
  <qemu:arg value='memory-backend=openlpm.guarded'/></qemu:commandline>
</domain>"""

DOMAIN_11 = DOMAIN_9.replace("<interface type='network'>", "<interface type='bridge'>").replace(
    "pc-q35-7.2", "pc-q35-10.0"
)

CAPABILITIES = f"""<capabilities><host><uuid>{UUID}</uuid>
 <cpu><arch>x86_64</arch><model>Skylake-Server-IBRS</model><vendor>Intel</vendor>
  <feature name='ss'/><pages unit='KiB' size='4'/><pages unit='KiB' size='2048'/></cpu>
 <topology><cells num='1'><cell id='0'><memory unit='KiB'>8152204</memory>
  <pages unit='KiB' size='4'>2038051</pages><pages unit='KiB' size='2048'>3</pages>
  <pages unit='KiB' size='1048576'>0</pages><cpus num='1'><cpu id='0' socket_id='0' core_id='0'
   siblings='0'/></cpus></cell></cells></topology></host>
 <guest><os_type>hvm</os_type><arch name='x86_64'><wordsize>64</wordsize>
  <emulator>/usr/bin/qemu-system-x86_64</emulator>
  <machine maxCpus='288'>pc-q35-7.2</machine>
  <machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine>
  <domain type='qemu'/><domain type='kvm'><machine>pc</machine></domain></arch></guest>
</capabilities>"""

DOMAIN_CAPABILITIES = """<domainCapabilities><domain>qemu</domain><arch>x86_64</arch>
 <vcpu max='288'/><cpu><mode name='host-model' supported='yes'>
  <model fallback='forbid'>EPYC-Rome</model><vendor>AMD</vendor><maxphysaddr mode='passthrough'/>
  <feature policy='require' name='x2apic'/><feature policy='disable' name='sse4.1'/></mode>
 <mode name='custom' supported='yes'><model usable='yes' vendor='Intel'>Nehalem</model>
 <model usable='no' vendor='AMD'>EPYC</model><blockers model='EPYC'><feature name='x'/></blockers>
 </mode></cpu></domainCapabilities>"""

CPU = """<cpu mode='custom' match='exact'><model fallback='forbid'>Nehalem</model>
 <vendor>Intel</vendor><feature policy='require' name='aes'/><feature policy='disable' name='vme'/>
 </cpu>"""

NETWORK = f"""<network><name>guest</name><uuid>{UUID}</uuid><forward mode='bridge'/>
 <bridge name='guest' stp='on' delay='0'/><mtu size='1500'/><vlan trunk='yes'><tag id='42'/></vlan>
 <portgroup name='dmz' default='yes'><vlan><tag id='7'/></vlan></portgroup></network>"""

INTERFACE = """<interface type='bridge' name='guest'><mtu size='1500'/>
 <bridge stp='off' delay='0'><interface type='ethernet' name='guest-up'/></bridge></interface>"""

VOLUME = """<volume type='file'><name>web1</name><key>/mnt/p/web1</key><source/>
 <capacity unit='bytes'>1073741824</capacity><allocation unit='bytes'>4096</allocation>
 <target><path>/mnt/p/web1</path><format type='qcow2'/></target>
 <backingStore><path>/mnt/p/golden</path><format type='raw'/></backingStore></volume>"""

DATA_POOL = f"""<pool type='netfs'><name>p</name><uuid>{UUID}</uuid>
 <capacity unit='bytes'>8</capacity><allocation unit='bytes'>5</allocation>
 <available unit='bytes'>3</available><source><host name='nfs1' port='2049'/><dir path='/srv'/>
 <device path='/dev/disk/by-id/wwn-0x600a0b80005adb0b0000ab2d4cae9254'/><name>vol</name>
 <adapter type='fc_host' wwpn='10000000c9831b4b'/><format type='nfs'/></source>
 <target><path>/mnt/p</path></target></pool>"""

POOL = f"""<pool type='netfs'><name>openlpm-leases</name><uuid>{UUID}</uuid>
 <source/><target><path>/leases/openlpm</path></target></pool>"""
