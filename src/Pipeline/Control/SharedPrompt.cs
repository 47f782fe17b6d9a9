using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// A prompt that chunks in flight follow: freed when the last of them is done and no new one will follow it. For one thread.
/// </summary>
internal sealed class SharedPrompt(IPrompt prompt) : IDisposable
{
    private int _holders = 1;

    public IPrompt Prompt => prompt;

    public SharedPrompt Share()
    {
        _holders++;
        return this;
    }

    /// <summary>Gives one hold back.</summary>
    public void Dispose()
    {
        if (--_holders == 0)
            prompt.Dispose();
    }
}
