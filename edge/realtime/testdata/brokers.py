# Three Kafka brokers of librdkafka's, which has a cluster for tests built in: prints their
# addresses, then does what each line of its input says, and prints "ok":
#
#   topic NAME              makes a topic with one partition
#   leader NAME BROKER      has another broker lead it
#   down BROKER, up BROKER
#   error API CODE TIMES    has the next requests of a kind fail
import ctypes
import sys

kafka = ctypes.CDLL("librdkafka.so.1")
for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
    getattr(kafka, name).restype = ctypes.c_void_p
kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
why = ctypes.create_string_buffer(512)
client = kafka.rd_kafka_new(0, ctypes.c_void_p(kafka.rd_kafka_conf_new()), why, ctypes.c_size_t(len(why)))
cluster = ctypes.c_void_p(kafka.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 3))
print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)

for line in sys.stdin:
    verb, *args = line.split()
    if verb == "topic":
        failed = kafka.rd_kafka_mock_topic_create(cluster, args[0].encode(), 1, 3)
    elif verb == "leader":
        failed = kafka.rd_kafka_mock_partition_set_leader(cluster, args[0].encode(), 0, int(args[1]))
    elif verb == "down":
        failed = kafka.rd_kafka_mock_broker_set_down(cluster, int(args[0]))
    elif verb == "up":
        failed = kafka.rd_kafka_mock_broker_set_up(cluster, int(args[0]))
    elif verb == "error":
        codes = [int(args[1])] * int(args[2])
        failed = kafka.rd_kafka_mock_push_request_errors(cluster, ctypes.c_short(int(args[0])), ctypes.c_size_t(len(codes)), *codes) and 0
    else:
        failed = 1
    print("failed" if failed else "ok", flush=True)
