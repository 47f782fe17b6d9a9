using StreamDiff.Pipeline.Stages;

namespace StreamDiff.Pipeline.Tests;

public sealed class StageRunnerTests
{
    private static int _alive;

    [Theory]
    [InlineData("source")]
    [InlineData("middle")]
    [InlineData("sink")]
    public void Wait_AStageFails_NamesItAndDisposesEverything(string failing)
    {
        Volatile.Write(ref _alive, 0);
        using (var stages = new StageRunner())
        {
            var (a, b) = (stages.Join<Item>(1), stages.Join<Item>(1));
            var given = 0;
            stages.Source<Item>("source", a, (_, put) =>
            {
                FailAt("source", failing, given);
                put(new Item());
                return ++given < 100;
            });
            var passed = 0;
            stages.Transform("middle", a, b, (Item _) =>
            {
                FailAt("middle", failing, passed++);
                return new Item();
            });
            var taken = 0;
            stages.Sink("sink", b, _ => FailAt("sink", failing, taken++), () => { });

            var fault = Assert.Throws<PipelineException>(stages.Wait);
            Assert.Equal(failing, fault.Stage);
            Assert.IsType<InvalidOperationException>(fault.InnerException);
        }
        Assert.Equal(0, Volatile.Read(ref _alive));
    }

    private static void FailAt(string stage, string failing, int count)
    {
        if (stage == failing && count == 5)
            throw new InvalidOperationException("made to fail");
    }

    private sealed class Item : IDisposable
    {
        private int _disposed;

        public Item() => Interlocked.Increment(ref _alive);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                Interlocked.Decrement(ref _alive);
        }
    }
}
