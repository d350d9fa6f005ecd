"""Series of exporters and client libraries under their documented names, two of each; some hours of them."""

from collections.abc import Callable, Iterator

from histories import Line, counter, every, gauge


def constant(value: float) -> Callable[[float], float]:
    return lambda _: value


def _ends(port: int, job: str) -> Iterator[dict[str, str]]:
    for host in ("one", "two"):
        yield {"instance": f"{host}:{port}", "job": job}


def postgresql() -> Iterator[Line]:
    """postgres_exporter: databases, sessions by state, settings, locks, replication."""
    for own in _ends(9187, "postgres"):
        for datname in ("shop", "postgres"):
            of = own | {"datname": datname, "datid": "16384"}
            yield Line("pg_stat_database_xact_commit", of, counter(95.0))
            yield Line("pg_stat_database_xact_rollback", of, counter(5.0))
            yield Line("pg_stat_database_deadlocks", of, every(3600))
            yield Line("pg_stat_database_blks_read", of, counter(300.0))
            yield Line("pg_stat_database_temp_bytes", of, counter(1e4))
            for mode in ("accesssharelock", "exclusivelock"):
                yield Line("pg_locks_count", own | {"datname": datname, "mode": mode}, gauge(10.0))
            for state in ("active", "idle", "idle in transaction", "idle in transaction (aborted)"):
                session = own | {"datname": datname, "state": state, "usename": "app"}
                yield Line("pg_stat_activity_count", session, gauge(5.0))
                yield Line("pg_stat_activity_max_tx_duration", session, gauge(2.0))
        yield Line("pg_settings_max_connections", own | {"server": "localhost:5432"}, constant(100.0))
        yield Line("pg_replication_lag_seconds", own, gauge(0.5))


def mysql() -> Iterator[Line]:
    """mysqld_exporter: global status and variables, and a replica."""
    for own in _ends(9104, "mysql"):
        status = "mysql_global_status"
        yield Line(f"{status}_queries", own, counter(200.0))
        yield Line(f"{status}_slow_queries", own, counter(0.5))
        yield Line(f"{status}_threads_connected", own, gauge(50.0))
        yield Line(f"{status}_threads_running", own, gauge(4.0))
        yield Line(f"{status}_innodb_row_lock_time", own, counter(100.0))
        yield Line(f"{status}_innodb_buffer_pool_reads", own, counter(20.0))
        yield Line("mysql_global_variables_max_connections", own, constant(151.0))
        for error in ("accept", "internal", "max_connections"):
            yield Line(f"{status}_connection_errors_total", own | {"error": error}, counter(0.1))
        name = "master" if own["instance"].startswith("one") else "source"
        yield Line(f"mysql_slave_status_seconds_behind_{name}", own | {"channel_name": ""}, gauge(1.0))


def redis() -> Iterator[Line]:
    """redis_exporter."""
    for own in _ends(9121, "redis"):
        yield Line("redis_commands_processed_total", own, counter(1000.0))
        yield Line("redis_rejected_connections_total", own, counter(0.1))
        for command in ("get", "set"):
            yield Line("redis_commands_total", own | {"cmd": command}, counter(500.0))
            yield Line("redis_commands_duration_seconds_total", own | {"cmd": command}, counter(0.05))
        yield Line("redis_connected_clients", own, gauge(100.0))
        yield Line("redis_config_maxclients", own, constant(10_000.0))
        yield Line("redis_blocked_clients", own, gauge(2.0))
        yield Line("redis_memory_used_bytes", own, gauge(1e9))
        yield Line("redis_memory_max_bytes", own, constant(2e9))
        yield Line("redis_evicted_keys_total", own, counter(1.0))
        yield Line("redis_keyspace_misses_total", own, counter(20.0))


def kafka() -> Iterator[Line]:
    """kafka_exporter: offsets by partition, lag by group."""
    own = {"instance": "exporter:9308", "job": "kafka"}
    for topic, group in (("orders", "billing"), ("events", "search")):
        for partition in ("0", "1"):
            of = own | {"topic": topic, "partition": partition}
            yield Line("kafka_topic_partition_current_offset", of, counter(50.0))
            yield Line("kafka_topic_partition_under_replicated_partition", of, constant(0.0))
            reading = of | {"consumergroup": group}
            yield Line("kafka_consumergroup_current_offset", reading, counter(50.0))
            yield Line("kafka_consumergroup_lag", reading, gauge(100.0))


def rabbitmq() -> Iterator[Line]:
    """The plugin rabbitmq_prometheus, aggregated."""
    for own in _ends(15692, "rabbitmq"):
        for protocol in ("amqp091", "amqp10"):
            yield Line("rabbitmq_global_messages_received_total", own | {"protocol": protocol}, counter(50.0))
            delivered = own | {"protocol": protocol, "queue_type": "rabbit_quorum_queue"}
            yield Line("rabbitmq_global_messages_delivered_total", delivered, counter(50.0))
        yield Line("rabbitmq_queue_messages_ready", own, gauge(10.0))
        yield Line("rabbitmq_queue_messages_unacked", own, gauge(5.0))
        yield Line("rabbitmq_connections", own, gauge(40.0))
        yield Line("rabbitmq_process_resident_memory_bytes", own, gauge(1e9))
        yield Line("rabbitmq_resident_memory_limit_bytes", own, constant(4e9))
        yield Line("rabbitmq_process_open_fds", own, gauge(100.0))
        yield Line("rabbitmq_process_max_fds", own, constant(1024.0))
        yield Line("rabbitmq_alarms_memory_used_watermark", own, constant(0.0))
        yield Line("rabbitmq_alarms_free_disk_space_watermark", own, constant(0.0))


JVM_NAMES = (
    ("jvm_memory_used_bytes", "jvm_memory_max_bytes", "jvm_gc_pause_seconds", "jvm_threads_live_threads"),
    ("jvm_memory_used_bytes", "jvm_memory_max_bytes", "jvm_gc_collection_seconds", "jvm_threads_current"),
    ("jvm_memory_bytes_used", "jvm_memory_bytes_max", "jvm_gc_collection_seconds", "jvm_threads_current"),
)
"""Of Micrometer, of client_java from 1.0 on, and before."""


def jvm(names: tuple[str, str, str, str] = JVM_NAMES[0]) -> Iterator[Line]:
    """Java services, as one client library names them."""
    used, most, gc, threads = names
    for job in ("one", "two"):
        own = {"job": job, "instance": f"{job}:8080"}
        for pool, size in (("G1 Eden Space", -1.0), ("G1 Old Gen", 1e9)):
            yield Line(used, own | {"area": "heap", "id": pool}, gauge(2e8))
            yield Line(most, own | {"area": "heap", "id": pool}, constant(size))
        yield Line(used, own | {"area": "nonheap", "id": "Metaspace"}, gauge(1e8))
        yield Line(f"{gc}_sum", own | {"gc": "G1 Young Generation"}, counter(0.02))
        yield Line(f"{gc}_count", own | {"gc": "G1 Young Generation"}, counter(1.0))
        yield Line(threads, own, gauge(50.0))
        hikari = own | {"pool": "HikariPool-1"}
        yield Line("hikaricp_connections_active", hikari, gauge(4.0))
        yield Line("hikaricp_connections_max", hikari, constant(10.0))
        yield Line("hikaricp_connections_pending", hikari, gauge(1.0))


def go_runtime() -> Iterator[Line]:
    """client_golang's collectors of the runtime and the process."""
    for job in ("one", "two"):
        own = {"job": job, "instance": f"{job}:9090"}
        yield Line("go_goroutines", own, gauge(50.0))
        yield Line("go_memstats_heap_inuse_bytes", own, gauge(5e7))
        yield Line("go_memstats_alloc_bytes_total", own, counter(1e6))
        yield Line("go_gc_duration_seconds_sum", own, counter(0.001))
        yield Line("process_open_fds", own, gauge(20.0))
        yield Line("process_max_fds", own, constant(1024.0))


def python_runtime() -> Iterator[Line]:
    """client_python's collectors of the interpreter and the process."""
    for job in ("one", "two"):
        own = {"job": job, "instance": f"{job}:8000"}
        yield Line("python_info", own | {"implementation": "CPython", "version": "3.12.4"}, constant(1.0))
        for generation in ("0", "1", "2"):
            yield Line("python_gc_collections_total", own | {"generation": generation}, counter(0.1))
        yield Line("process_cpu_seconds_total", own, counter(0.3))
        yield Line("process_resident_memory_bytes", own, gauge(1e8))
        yield Line("process_open_fds", own, gauge(20.0))
        yield Line("process_max_fds", own, constant(1024.0))


def nginx() -> Iterator[Line]:
    """nginx-prometheus-exporter over stub_status."""
    for own in _ends(9113, "nginx"):
        yield Line("nginx_http_requests_total", own, counter(100.0))
        yield Line("nginx_connections_accepted", own, counter(30.0))
        yield Line("nginx_connections_handled", own, counter(29.0))
        for state, level in (("active", 60.0), ("reading", 1.0), ("writing", 9.0), ("waiting", 50.0)):
            yield Line(f"nginx_connections_{state}", own, gauge(level))


def ingress_nginx() -> Iterator[Line]:
    """The controller of ingress-nginx, two pods of it."""
    for pod in ("controller-0", "controller-1"):
        for ingress in ("one", "two"):
            own = {"instance": f"{pod}:10254", "job": "ingress", "controller_pod": pod, "ingress": ingress}
            own |= {"exported_namespace": "shop", "exported_service": ingress, "host": "shop.example.com"}
            for status in ("200", "503"):
                of = own | {"status": status, "method": "GET", "path": "/"}
                rate = 45.0 if status == "200" else 5.0
                yield Line("nginx_ingress_controller_requests", of, counter(rate))
                for kind, seconds in (("request", 0.1), ("response", 0.08)):
                    yield Line(f"nginx_ingress_controller_{kind}_duration_seconds_sum", of, counter(rate * seconds))
                    yield Line(f"nginx_ingress_controller_{kind}_duration_seconds_count", of, counter(rate))


def envoy() -> Iterator[Line]:
    """Envoy's own metrics of its upstream clusters, from two proxies."""
    for proxy in ("edge-0", "edge-1"):
        for cluster in ("one", "two"):
            own = {"instance": f"{proxy}:9901", "job": "envoy", "envoy_cluster_name": cluster}
            of = "envoy_cluster_upstream"
            yield Line(f"{of}_rq_total", own, counter(50.0))
            for kind, rate in (("2", 48.0), ("5", 2.0)):
                yield Line(f"{of}_rq_xx", own | {"envoy_response_code_class": kind}, counter(rate))
            yield Line(f"{of}_rq_time_sum", own, counter(50.0 * 20))
            yield Line(f"{of}_rq_time_count", own, counter(50.0))
            yield Line(f"{of}_cx_active", own, gauge(20.0))
            yield Line(f"{of}_cx_connect_fail", own, counter(0.1))
            yield Line(f"{of}_rq_pending_active", own, gauge(1.0))
            yield Line(f"{of}_rq_pending_overflow", own, counter(0.1))
            yield Line(f"{of}_rq_retry", own, counter(0.5))
            yield Line("envoy_cluster_membership_healthy", own, constant(3.0))
            yield Line("envoy_cluster_membership_total", own, constant(4.0))


def coredns(upstream: str = "coredns_proxy_request_duration_seconds") -> Iterator[Line]:
    """CoreDNS with cache and forward: two deployments."""
    for job in ("one", "two"):
        own = {"job": job, "instance": f"{job}:9153", "server": "dns://:53", "zone": "."}
        yield Line("coredns_dns_requests_total", own | {"proto": "udp", "type": "A"}, counter(100.0))
        for rcode, rate in (("NOERROR", 60.0), ("NXDOMAIN", 39.0), ("SERVFAIL", 1.0)):
            yield Line("coredns_dns_responses_total", own | {"rcode": rcode}, counter(rate))
        yield Line("coredns_dns_request_duration_seconds_sum", own, counter(0.2))
        yield Line("coredns_dns_request_duration_seconds_count", own, counter(100.0))
        yield Line("coredns_cache_misses_total", own, counter(10.0))
        to = {"job": job, "instance": f"{job}:9153", "to": "10.0.0.2:53", "rcode": "NOERROR"}
        yield Line(f"{upstream}_sum", to, counter(0.1))
        yield Line(f"{upstream}_count", to, counter(10.0))


def container_pressure(workloads: tuple[tuple[str, str], ...]) -> Iterator[Line]:
    """cAdvisor's pressure of the pods that `histories.workloads` has."""
    for namespace, workload in workloads:
        for node in ("one", "two"):
            own = {"namespace": namespace, "pod": f"{workload}-7d9c8b6f5d-{node}", "container": "main"}
            for resource, share in (("cpu", 0.1), ("memory", 0.01), ("io", 0.05)):
                yield Line(f"container_pressure_{resource}_waiting_seconds_total", own, counter(share))
                yield Line(f"container_pressure_{resource}_stalled_seconds_total", own, counter(share / 3))


def everything(workloads: tuple[tuple[str, str], ...]) -> Iterator[Line]:
    """All of them; what has several names under its present ones."""
    for lines in (postgresql, mysql, redis, kafka, rabbitmq, jvm, nginx, ingress_nginx, envoy, coredns):
        yield from lines()
    for language, runtime in (("go", go_runtime), ("python", python_runtime)):
        for line in runtime():
            job = f"{line.labels['job']}-{language}"
            yield line._replace(labels={**line.labels, "job": job, "instance": f"{job}:80"})
    yield from container_pressure(workloads)
