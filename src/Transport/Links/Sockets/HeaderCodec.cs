using System.Buffers;
using MessagePack;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>An array as a header describes it.</summary>
internal readonly record struct PayloadSpec(ElementType Type, long[] Shape, ulong Checksum);

/// <summary>
/// Headers as MessagePack arrays: kind, pool, epoch, tick, rows, timings, detail, arrays elsewhere, arrays. Written and read by hand: a
/// peer's bytes make nothing but numbers and strings, and every count is checked before anything is made of it.
/// </summary>
internal static class HeaderCodec
{
    private const int Fields = 9;
    private const int RowFields = 10;
    private const int TimingFields = 7;
    private const int SpecFields = 3;
    private const int MostRows = 1024;
    private const int MostTimings = 1024;
    private const int MostPayloads = 16;
    private const int MostDimensions = 8;

    public static void Write(IBufferWriter<byte> output, LinkHeader header, ReadOnlySpan<PayloadSpec> payloads)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteArrayHeader(Fields);
        writer.Write((byte)header.Kind);
        writer.Write(header.Pool);
        writer.Write(header.Epoch);
        writer.Write(header.Tick);
        writer.WriteArrayHeader(header.Rows.Count * RowFields);
        for (var i = 0; i < header.Rows.Count; i++)
        {
            var row = header.Rows[i];
            writer.Write(row.Lane);
            writer.Write(row.Step);
            writer.Write(row.Chunk);
            writer.Write(row.Position);
            writer.Write(row.Timestep);
            writer.Write(row.Prompt);
            if (row.SinkThreshold is { } threshold)
                writer.Write(threshold);
            else
                writer.WriteNil();
            if (row.SinkFrames is { } sinks)
                writer.Write(sinks);
            else
                writer.WriteNil();
            writer.Write(row.Visit);
            writer.Write(row.Visits);
        }
        writer.WriteArrayHeader(header.Timings.Count * TimingFields);
        for (var i = 0; i < header.Timings.Count; i++)
        {
            var timing = header.Timings[i];
            writer.Write(timing.Rank);
            writer.Write(timing.Start);
            writer.Write(timing.Wait);
            writer.Write(timing.Receive);
            writer.Write(timing.Blocks);
            writer.Write(timing.Other);
            writer.Write(timing.Send);
        }
        writer.Write(header.Detail);
        writer.WriteArrayHeader(header.DeviceArrays.Count * SpecFields);
        foreach (var array in header.DeviceArrays)
            WriteSpec(ref writer, array.Type, array.Shape, 0);
        writer.WriteArrayHeader(payloads.Length * SpecFields);
        foreach (var payload in payloads)
            WriteSpec(ref writer, payload.Type, payload.Shape, payload.Checksum);
        writer.Flush();
    }

    private static void WriteSpec(ref MessagePackWriter writer, ElementType type, long[] shape, ulong checksum)
    {
        writer.Write((byte)type);
        writer.WriteArrayHeader(shape.Length);
        foreach (var size in shape)
            writer.Write(size);
        writer.Write(checksum);
    }

    /// <exception cref="LinkException">The bytes are no header.</exception>
    public static (LinkHeader Header, PayloadSpec[] Payloads) Read(in ReadOnlySequence<byte> bytes, long mostBytes)
    {
        try
        {
            var reader = new MessagePackReader(bytes);
            Expect(reader.ReadArrayHeader() == Fields);
            var header = new LinkHeader
            {
                Kind = (LinkKind)reader.ReadByte(),
                Pool = reader.ReadInt32(),
                Epoch = reader.ReadInt32(),
                Tick = reader.ReadInt64(),
                Rows = Rows(ref reader),
                Timings = Timings(ref reader),
                Detail = reader.ReadString(),
                DeviceArrays = DeviceArrays(ref reader, mostBytes),
            };
            var payloads = Payloads(ref reader, mostBytes);
            Expect(reader.End);
            return (header, payloads);
        }
        catch (Exception e) when (e is not LinkException)
        {
            // A library fails at a peer's bytes in more ways than it tells of.
            throw new LinkException("the peer sent a header that is none", e);
        }
    }

    private static LinkRow[] Rows(ref MessagePackReader reader)
    {
        var rows = new LinkRow[Count(ref reader, RowFields, MostRows)];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = new LinkRow(
                reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadDouble(), reader.ReadInt32(),
                reader.TryReadNil() ? null : reader.ReadDouble(), reader.TryReadNil() ? null : reader.ReadInt32(), reader.ReadInt32(),
                reader.ReadInt32());
        }
        return rows;
    }

    private static RankTiming[] Timings(ref MessagePackReader reader)
    {
        var timings = new RankTiming[Count(ref reader, TimingFields, MostTimings)];
        for (var i = 0; i < timings.Length; i++)
            timings[i] = new RankTiming(
                reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(),
                reader.ReadInt64());
        return timings;
    }

    private static DeviceArraySpec[] DeviceArrays(ref MessagePackReader reader, long mostBytes)
    {
        var specs = Payloads(ref reader, mostBytes);
        return specs.Length == 0 ? [] : Array.ConvertAll(specs, s => new DeviceArraySpec(s.Type, s.Shape));
    }

    private static PayloadSpec[] Payloads(ref MessagePackReader reader, long mostBytes)
    {
        var payloads = new PayloadSpec[Count(ref reader, SpecFields, MostPayloads)];
        var total = 0L;
        for (var i = 0; i < payloads.Length; i++)
        {
            var type = (ElementType)reader.ReadByte();
            var bytes = (long)LinkPayload.SizeOf(type);
            Expect(bytes > 0);
            var dimensions = reader.ReadArrayHeader();
            Expect(dimensions <= MostDimensions);
            var shape = new long[dimensions];
            for (var d = 0; d < shape.Length; d++)
            {
                shape[d] = reader.ReadInt64();
                Expect(shape[d] >= 0);
                bytes = checked(bytes * shape[d]);
            }
            total = checked(total + bytes);
            Expect(bytes <= mostBytes && total <= mostBytes);
            payloads[i] = new PayloadSpec(type, shape, reader.ReadUInt64());
        }
        return payloads;
    }

    private static int Count(ref MessagePackReader reader, int fields, int most)
    {
        var values = reader.ReadArrayHeader();
        Expect(values % fields == 0 && values / fields <= most);
        return values / fields;
    }

    private static void Expect(bool holds)
    {
        if (!holds)
            throw new LinkException("the peer sent a header that is none");
    }
}
