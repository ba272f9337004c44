package realtime

import (
	"bytes"
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// kafka sends each line as a record of a topic.
type kafka struct{ client *kgo.Client }

// openKafka makes a client, which connects when there is something to send. It speaks
// Kafka 2.3's versions of what it asks: newer ones bring it nothing, and other
// implementations of brokers answer the newest question for versions wrongly.
func openKafka(brokers []string, topic string) (Sink, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.ClientID("warmfront"), kgo.MaxVersions(kversion.V2_3_0()), kgo.AllowAutoTopicCreation())
	if err != nil {
		return nil, err
	}
	return kafka{c}, nil
}

// Write sends the lines at once. What a broker finds too large it says of all that came
// with it: those are sent again one by one, and given up that are too large alone.
func (k kafka) Write(ctx context.Context, lines []byte) (left []byte, dropped int, err error) {
	var records []*kgo.Record
	for line := range bytes.Lines(lines) {
		records = append(records, &kgo.Record{Value: bytes.TrimSuffix(line, []byte("\n"))})
	}
	for _, result := range k.client.ProduceSync(ctx, records...) {
		failed := result.Err
		if tooLarge(failed) {
			failed = k.client.ProduceSync(ctx, &kgo.Record{Value: result.Record.Value}).FirstErr()
		}
		switch {
		case failed == nil:
		case tooLarge(failed):
			dropped++
		default:
			err = failed
			left = append(append(left, result.Record.Value...), '\n')
		}
	}
	return left, dropped, err
}

func tooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

func (k kafka) Close() error {
	k.client.Close()
	return nil
}
