import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.StreamWriteFeature;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.LocalDate;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams at the job of tests/bench/peers/job.py, as its friends would write it for speed: the Processor API,
 * Jackson's streaming parser and writer, a state of 41 bytes, cache and changelog on, exactly once.
 */
public final class Scorer {
    private static final String STORE = "customers";

    public static void main(String[] arguments) {
        String prefix = environment("BENCH_PREFIX");
        KafkaStreams streams = new KafkaStreams(topology(prefix), settings());
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(20));
            ended.countDown();
        }));
        streams.start();
        try {
            ended.await();
        } catch (InterruptedException ignored) {
            Thread.currentThread().interrupt();
        }
    }

    private static Topology topology(String prefix) {
        var store = environment("BENCH_STORE").equals("rocksdb")
                ? Stores.persistentKeyValueStore(STORE)
                : Stores.inMemoryKeyValueStore(STORE);
        Serde<byte[]> bytes = Serdes.ByteArray();
        return new Topology()
                .addSource("source", bytes.deserializer(), bytes.deserializer(), prefix + "interactions")
                .addProcessor("score", Score::new, "source")
                .addStateStore(
                        Stores.keyValueStoreBuilder(store, bytes, bytes)
                                .withLoggingEnabled(Map.of())
                                .withCachingEnabled(),
                        "score")
                .addSink("scores", prefix + "scores", bytes.serializer(), bytes.serializer(), "score")
                .addSink("alerts", prefix + "alerts", bytes.serializer(), bytes.serializer(), "score");
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put("application.id", environment("BENCH_APP"));
        settings.put("bootstrap.servers", environment("BENCH_BOOTSTRAP"));
        settings.put("state.dir", environment("BENCH_SCRATCH"));
        settings.put("processing.guarantee", "exactly_once_v2");
        settings.put("commit.interval.ms", 100);
        settings.put("num.stream.threads", 1);
        settings.put("replication.factor", 1);
        settings.put("statestore.cache.max.bytes", 64 << 20);
        settings.put("buffered.records.per.partition", 10_000);
        settings.put("consumer.auto.offset.reset", "earliest");
        settings.put("consumer.max.poll.records", 10_000);
        settings.put("producer.batch.size", 256 << 10);
        settings.put("producer.linger.ms", 100);
        return settings;
    }

    private static String environment(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException(name + " is not set");
        }
        return value;
    }

    /** One event as far as the job reads it. */
    private static final class Event {
        String type = "", id, customer, status = "", priority = "normal";
        double timeS, amount;
        int score = -1;

        void read(JsonParser parser) throws IOException {
            parser.nextToken();
            String name;
            while ((name = parser.nextFieldName()) != null) {
                parser.nextToken();
                switch (name) {
                    case "type" -> type = parser.getText();
                    case "event_id" -> id = parser.getText();
                    case "customer_id" -> customer = parser.getText();
                    case "occurred_at" -> timeS = seconds(parser.getText());
                    case "amount" -> amount = parser.getDoubleValue();
                    case "status" -> status = parser.getText();
                    case "priority" -> priority = parser.getText();
                    case "score" -> score = parser.getIntValue();
                    default -> parser.skipChildren();
                }
            }
        }

        /** Of 2026-11-23T08:03:28Z; by position, which costs a tenth of java.time's parser. */
        private static double seconds(String text) {
            long day = LocalDate.of(number(text, 0, 4), number(text, 5, 7), number(text, 8, 10)).toEpochDay();
            return day * 86_400.0 + number(text, 11, 13) * 3_600 + number(text, 14, 16) * 60 + number(text, 17, 19);
        }

        private static int number(String text, int start, int stop) {
            int value = 0;
            for (int i = start; i < stop; i++) {
                value = value * 10 + text.charAt(i) - '0';
            }
            return value;
        }
    }

    /** What is remembered of a customer. */
    private static final class State {
        static final int BYTES = 41;
        double good, bad, atS, boughtS;
        int events, purchases;
        boolean alerted;

        static State of(byte[] stored, double nowS) {
            State state = new State();
            if (stored == null) {
                state.atS = state.boughtS = nowS;
                return state;
            }
            ByteBuffer buffer = ByteBuffer.wrap(stored);
            state.good = buffer.getDouble();
            state.bad = buffer.getDouble();
            state.atS = buffer.getDouble();
            state.boughtS = buffer.getDouble();
            state.events = buffer.getInt();
            state.purchases = buffer.getInt();
            state.alerted = buffer.get() != 0;
            return state;
        }

        byte[] bytes() {
            return ByteBuffer.allocate(BYTES).putDouble(good).putDouble(bad).putDouble(atS).putDouble(boughtS)
                    .putInt(events).putInt(purchases).put((byte) (alerted ? 1 : 0)).array();
        }

        void apply(Event event) {
            double nowS = event.timeS, weight = 1.0;
            if (nowS > atS) {
                double faded = Math.pow(2.0, (atS - nowS) / HALF_LIFE_S);
                good *= faded;
                bad *= faded;
                atS = nowS;
            } else {
                weight = Math.pow(2.0, (nowS - atS) / HALF_LIFE_S);
            }
            events++;
            switch (event.type) {
                case "purchase" -> {
                    purchases++;
                    good += weight * (0.5 + Math.min(event.amount, 100.0) / 100.0);
                    boughtS = Math.max(boughtS, nowS);
                }
                case "ticket" -> bad += event.status.equals("opened") ? weight * priority(event.priority) : 0.0;
                case "delivery" -> {
                    bad += event.status.equals("failed") ? weight : 0.0;
                    good += event.status.equals("arrived") ? weight * 0.5 : 0.0;
                }
                case "survey" -> {
                    good += event.score >= 9 ? weight : 0.0;
                    bad += event.score >= 0 && event.score <= 6 ? weight : 0.0;
                }
                default -> { }
            }
        }

        private static double priority(String name) {
            return switch (name) {
                case "low" -> 0.5;
                case "high" -> 1.5;
                case "urgent" -> 2.0;
                default -> 1.0;
            };
        }
    }

    private static final double HALF_LIFE_S = 30 * 86_400.0;

    /** State in, state, score and perhaps an alert out. */
    private static final class Score implements Processor<byte[], byte[], byte[], byte[]> {
        private static final double LOW = 35.0, HIGH = 45.0;
        private static final JsonFactory JSON = JsonFactory.builder()
                .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
                .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
                .build();
        private static final SerializedString CUSTOMER = new SerializedString("customer_id"),
                EVENT = new SerializedString("event_id"), AS_OF = new SerializedString("as_of"),
                EVENTS = new SerializedString("events"), TRUST = new SerializedString("trust"),
                RISK = new SerializedString("churn_risk"), STATE = new SerializedString("state");

        private final ByteArrayBuilder out = new ByteArrayBuilder(512);
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> customers;

        @Override
        public void init(ProcessorContext<byte[], byte[]> given) {
            context = given;
            customers = given.getStateStore(STORE);
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            Event event = new Event();
            try (JsonParser parser = JSON.createParser(record.value())) {
                event.read(parser);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            State state = State.of(customers.get(record.key()), event.timeS);
            state.apply(event);
            double trust = 100.0 * (state.good + 1.0) / (state.good + state.bad + 2.0);
            double silentDays = (event.timeS - state.boughtS) / 86_400.0;
            double logit = -1.0 + 0.8 * state.bad - 0.6 * state.good - 0.3 * Math.log1p(state.purchases)
                    + 0.02 * silentDays;
            boolean changed = state.alerted ? trust > HIGH : trust < LOW;
            state.alerted ^= changed;
            customers.put(record.key(), state.bytes());
            context.forward(record.withValue(score(event, state, trust, 1.0 / (1.0 + Math.exp(-logit)))), "scores");
            if (changed) {
                context.forward(record.withValue(alert(event, state, trust)), "alerts");
            }
        }

        private byte[] score(Event event, State state, double trust, double risk) {
            return json(event, json -> {
                field(json, EVENTS).writeNumber(state.events);
                field(json, TRUST).writeNumber(trust);
                field(json, RISK).writeNumber(risk);
            });
        }

        private byte[] alert(Event event, State state, double trust) {
            return json(event, json -> {
                field(json, STATE).writeString(state.alerted ? "open" : "resolved");
                field(json, TRUST).writeNumber(trust);
            });
        }

        private interface Fields {
            void write(JsonGenerator json) throws IOException;
        }

        private byte[] json(Event event, Fields rest) {
            out.reset();
            try (JsonGenerator json = JSON.createGenerator(out)) {
                json.writeStartObject();
                field(json, CUSTOMER).writeString(event.customer);
                field(json, EVENT).writeString(event.id);
                field(json, AS_OF).writeNumber(event.timeS);
                rest.write(json);
                json.writeEndObject();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return out.toByteArray();
        }

        private static JsonGenerator field(JsonGenerator json, SerializedString name) throws IOException {
            json.writeFieldName(name);
            return json;
        }
    }
}
