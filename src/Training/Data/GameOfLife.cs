namespace StreamDiff.Training.Data;

/// <summary>Conway's cells on a torus.</summary>
internal sealed class GameOfLife
{
    private readonly int _width;
    private readonly int _height;
    private bool[] _cells;

    public GameOfLife(Random random, int width, int height)
    {
        (_width, _height) = (width, height);
        _cells = new bool[width * height];
        for (var i = 0; i < _cells.Length; i++)
            _cells[i] = random.Chance(0.3f);
    }

    public bool this[int x, int y] => _cells[(y + _height) % _height * _width + (x + _width) % _width];

    public void Step()
    {
        var next = new bool[_cells.Length];
        for (var y = 0; y < _height; y++)
        {
            for (var x = 0; x < _width; x++)
            {
                var around = 0;
                for (var dy = -1; dy <= 1; dy++)
                    for (var dx = -1; dx <= 1; dx++)
                        if ((dx, dy) != (0, 0) && this[x + dx, y + dy])
                            around++;
                next[y * _width + x] = around == 3 || (around == 2 && this[x, y]);
            }
        }
        _cells = next;
    }
}
