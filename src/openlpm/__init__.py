"""OpenLPM: Live Partition Mobility for KVM."""

__version__ = "0.1.0"
