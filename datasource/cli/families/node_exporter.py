"""Machines as node_exporter measures them."""

from datasource.cli.families.family import Family, Proposed, rate, ratio
from datasource.cli.survey import Survey

_DISK = "node_disk_io_time_seconds_total"
_RECEIVED = "node_network_receive_bytes_total"
_SENT = "node_network_transmit_bytes_total"
_NO_LOOPBACK = 'device!="lo"'
_REAL_FILES = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*|nsfs"'


def find_nodes(survey: Survey) -> Family | None:
    """Traffic, cpu, memory, disk, network and waiting of every machine."""
    if not survey.alive("node_cpu_seconds_total"):
        return None
    signals = tuple(signal for signal in _signals() if survey.alive(signal.metric))
    return Family("node_exporter", "instance", "node_cpu_seconds_total", ("instance", "node", "nodename"), signals)


def _signals() -> tuple[Proposed, ...]:
    return (
        Proposed("received", _RECEIVED, rate(_RECEIVED, _NO_LOOPBACK), "Bps", "load", "rate"),
        Proposed("sent", _SENT, rate(_SENT, _NO_LOOPBACK), "Bps", None, "rate"),
        Proposed(
            "cpu",
            "node_cpu_seconds_total",
            '1 - avg by ($by) (rate(node_cpu_seconds_total{mode="idle", $present}[$window]))',
            "percentunit",
            "saturation",
        ),
        Proposed(
            "memory",
            "node_memory_MemAvailable_bytes",
            "1 - max by ($by) (node_memory_MemAvailable_bytes{$present}) "
            "/ max by ($by) (node_memory_MemTotal_bytes{$present})",
            "percentunit",
            "saturation",
        ),
        Proposed("disk", _DISK, f"max by ($by) (rate({_DISK}{{$present}}[$window]))", "percentunit", "saturation"),
        Proposed("load", "node_load1", "max by ($by) (node_load1{$present})", "short", "saturation"),
        Proposed(
            "filesystem",
            "node_filesystem_avail_bytes",
            f"max by ($by) (1 - node_filesystem_avail_bytes{{{_REAL_FILES}, $present}} "
            f"/ node_filesystem_size_bytes{{{_REAL_FILES}, $present}})",
            "percentunit",
            "saturation",
        ),
        _waiting("cpu_waiting", "node_pressure_cpu_waiting_seconds_total"),
        _waiting("io_waiting", "node_pressure_io_waiting_seconds_total"),
        Proposed(
            "disk_latency",
            "node_disk_read_time_seconds_total",
            ratio(
                _sum("node_disk_read_time_seconds_total", "node_disk_write_time_seconds_total"),
                _sum("node_disk_reads_completed_total", "node_disk_writes_completed_total"),
            ),
            "s",
            "latency",
        ),
    )


def _waiting(name: str, metric: str) -> Proposed:
    """The share of time in which some task waited (pressure stall information): what a busy machine's users feel."""
    return Proposed(name, metric, f"max by ($by) (rate({metric}{{$present}}[$window]))", "percentunit", "latency")


def _sum(one: str, other: str) -> str:
    return f"({rate(one)} + {rate(other)})"
